// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {PrefixText} from "./PrefixText.sol";

/// @title PrefixRegistry
/// @notice Says who owns which identifier prefix, in several schemes side by side: a GS1 company prefix, a
/// Handle prefix ("88.118.1001" under "88.118" under "88"), an OID arc, a DID. The owner of a prefix
/// allocates the prefixes below it.
/// @dev A node is one prefix of one scheme; its id is keccak256(abi.encode(scheme, text)), and the root of a
/// scheme is the node of the empty text. Guaranteed:
/// - each text has at most one owner, and that owner got it from the owner of the nearest prefix above it;
/// - no prefix is ever put between an allocated one and its parent, so nobody becomes owner of what others
/// own already;
/// - owners change only by their own offer and the other's acceptance, or after those above have revoked the
/// prefix.
///
/// Not guaranteed: that an owner is the company it says it is (whoever allocates must know), or that those
/// above are fair: the owner of the parent and the registrar can suspend, revoke and reallocate. To bind a
/// parent, suspend the parent. Texts are compared byte by byte: who allocates in a scheme without regard to
/// case must spell it in one way.
///
/// Every loop is bounded by `PrefixText.LENGTH_MAX`, also the walk from a node to its root. Pausing stops
/// whatever gives somebody something; taking away (suspend, revoke, cancel, withdraw) and reading still work.
contract PrefixRegistry is AccessControlDefaultAdminRules, Pausable {
    enum Status {
        Free, // never allocated, and nothing below it is
        Passage, // never allocated and never will be: an allocated prefix lies below it
        Allocated,
        Suspended, // by those above; they may resume it
        Revoked // by those above; they may reallocate it
    }

    struct Node {
        address owner;
        Status status;
        uint32 term; // grows with each change of owner, and ends what the owner before had granted
        address offeredTo; // who may accept a transfer
        bytes32 parent; // 0 for a root
        bytes32 logId; // the log in `TraceLog` that holds the events of this prefix
        string endpoint; // URL of the node that serves this prefix
    }

    /// @notice All facts about a node. `active`: neither it nor any node above it is suspended or revoked.
    /// While it is revoked, `owner` is who owned it before.
    struct Holder {
        address owner;
        address offeredTo;
        Status status;
        bool active;
        bytes32 parent;
        uint32 term;
        bytes32 logId;
        string endpoint;
    }

    /// @notice May open schemes, and stands above every node.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    /// @notice May pause and unpause.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    uint256 public constant SCHEME_LENGTH_MAX = 32;
    uint256 public constant ENDPOINT_LENGTH_MAX = 256;

    mapping(bytes32 node => Node) private _nodes;
    mapping(bytes32 root => bytes1 separator) private _separators;
    mapping(bytes32 delegation => uint64 expiresAt) private _delegates;
    mapping(bytes32 declaration => bool made) private _equivalences;

    /// @notice A scheme is named by 1 to 32 visible ASCII characters.
    error SchemeInvalid(string scheme);
    error SchemeAlreadyOpen(string scheme);
    error SchemeNotOpen(string scheme);
    /// @notice A prefix is 1 to 64 visible ASCII characters with no empty level.
    error TextInvalid(string text);
    /// @notice The prefix is not free: it has, or had, an owner (then those above reallocate it), or is a
    /// passage, with allocated prefixes below it.
    error NotFree(bytes32 node, Status status);
    error OwnerMissing();
    error NotOwner(bytes32 node, address account);
    /// @notice Only the owner of the parent, while that is active, and the registrar may do this.
    error NotAbove(bytes32 node, address account);
    /// @notice The node, or one above it, was never allocated, is suspended or revoked.
    error NotActive(bytes32 node);
    /// @notice The node's status does not allow this step.
    error WrongStatus(bytes32 node, Status status);
    error NotOffered(bytes32 node, address account);
    /// @notice An endpoint is at most 256 visible ASCII characters.
    error EndpointInvalid(string endpoint);
    error AlreadyExpired(uint64 expiresAt);
    /// @notice Two nodes of one scheme are two prefixes and cannot be the same thing.
    error SameScheme(bytes32 node, bytes32 other);

    event SchemeOpened(bytes32 indexed root, string scheme, bytes1 separator);
    /// @dev Also emitted for the root of a new scheme, with parent 0 and an empty text.
    event Allocated(
        bytes32 indexed node, bytes32 indexed parent, address indexed owner, string scheme, string text
    );
    /// @dev Ends every delegation by the node, every declaration by it and about it, and every offer, and
    /// clears endpoint and log.
    event Reallocated(bytes32 indexed node, address indexed owner, uint32 term);
    event Suspended(bytes32 indexed node, address indexed by);
    event Resumed(bytes32 indexed node, address indexed by);
    event Revoked(bytes32 indexed node, address indexed by);
    event EndpointSet(bytes32 indexed node, string endpoint, bytes32 logId);
    event Delegated(bytes32 indexed node, address indexed account, bytes32 indexed scope, uint64 expiresAt);
    event DelegateRevoked(bytes32 indexed node, address indexed account, bytes32 indexed scope);
    event TransferOffered(bytes32 indexed node, address indexed to);
    event TransferCancelled(bytes32 indexed node);
    /// @dev Ends every delegation by the node and every declaration by it and about it. Endpoint and log
    /// stay.
    event Transferred(bytes32 indexed node, address indexed from, address indexed to, uint32 term);
    /// @dev Two nodes are equivalent while each is declared to be the other.
    event EquivalenceDeclared(bytes32 indexed node, bytes32 indexed other);
    event EquivalenceWithdrawn(bytes32 indexed node, bytes32 indexed other);

    modifier onlyOwner(bytes32 node) {
        _checkOwner(node);
        _;
    }

    modifier onlyAbove(bytes32 node) {
        _checkAbove(node);
        _;
    }

    modifier onlyActive(bytes32 node) {
        if (!isActive(node)) revert NotActive(node);
        _;
    }

    /// @param admin Gets every role, to hand them on. The admin role itself moves in two steps.
    /// @param adminDelaySeconds Time between those two steps.
    constructor(address admin, uint48 adminDelaySeconds)
        AccessControlDefaultAdminRules(adminDelaySeconds, admin)
    {
        _grantRole(REGISTRAR_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
    }

    /// @notice Open a scheme and give its root to `owner`.
    /// @param separator The character between two levels, or 0 when every character is a level.
    function openScheme(string calldata scheme, bytes1 separator, address owner)
        external
        whenNotPaused
        onlyRole(REGISTRAR_ROLE)
        returns (bytes32 root)
    {
        bytes calldata name = bytes(scheme);
        if (name.length == 0 || !PrefixText.isVisible(name, SCHEME_LENGTH_MAX)) revert SchemeInvalid(scheme);
        root = nodeOf(scheme, "");
        if (_nodes[root].status != Status.Free) revert SchemeAlreadyOpen(scheme);

        _separators[root] = separator;
        _allocate(root, 0, owner);
        emit SchemeOpened(root, scheme, separator);
        emit Allocated(root, 0, owner, scheme, "");
    }

    /// @notice Give the prefix `text` to `owner`. The caller must own the nearest allocated prefix above it.
    /// @dev Costs one storage word more for each level that is skipped and was not a passage before.
    function allocate(string calldata scheme, string calldata text, address owner)
        external
        whenNotPaused
        returns (bytes32 node)
    {
        bytes32 root = nodeOf(scheme, "");
        if (_nodes[root].status == Status.Free) revert SchemeNotOpen(scheme);
        if (!PrefixText.isValid(bytes(text), _separators[root])) revert TextInvalid(text);
        node = nodeOf(scheme, text);
        if (_nodes[node].status != Status.Free) revert NotFree(node, _nodes[node].status);

        bytes32 parent = _openPassage(scheme, bytes(text), _separators[root]);
        _checkOwner(parent);
        if (!isActive(parent)) revert NotActive(parent);
        _allocate(node, parent, owner);
        emit Allocated(node, parent, owner, scheme, text);
    }

    /// @notice Give a revoked prefix to a new owner, or back to one who lost the old account. What lies below
    /// it stays.
    function reallocate(bytes32 node, address owner) external whenNotPaused onlyAbove(node) {
        _checkStatus(node, Status.Revoked);
        _checkNotMissing(owner);
        Node storage entry = _nodes[node];
        (entry.owner, entry.status, entry.offeredTo, entry.logId) = (owner, Status.Allocated, address(0), 0);
        entry.endpoint = "";
        uint32 term = ++entry.term;
        emit Reallocated(node, owner, term);
    }

    /// @notice Make a node, and with it all below it, inactive for a while.
    function suspend(bytes32 node) external onlyAbove(node) {
        _checkStatus(node, Status.Allocated);
        _nodes[node].status = Status.Suspended;
        emit Suspended(node, msg.sender);
    }

    function resume(bytes32 node) external whenNotPaused onlyAbove(node) {
        _checkStatus(node, Status.Suspended);
        _nodes[node].status = Status.Allocated;
        emit Resumed(node, msg.sender);
    }

    /// @notice Take a node from its owner. Only `reallocate` brings it back.
    function revoke(bytes32 node) external onlyAbove(node) {
        if (_nodes[node].status != Status.Suspended) _checkStatus(node, Status.Allocated);
        _nodes[node].status = Status.Revoked;
        emit Revoked(node, msg.sender);
    }

    /// @notice Say which node serves this prefix, and which log holds its events. Empty and 0 mean none.
    function setEndpoint(bytes32 node, string calldata endpoint, bytes32 logId)
        external
        whenNotPaused
        onlyOwner(node)
        onlyActive(node)
    {
        if (!PrefixText.isVisible(bytes(endpoint), ENDPOINT_LENGTH_MAX)) {
            revert EndpointInvalid(endpoint);
        }
        (_nodes[node].endpoint, _nodes[node].logId) = (endpoint, logId);
        emit EndpointSet(node, endpoint, logId);
    }

    /// @notice Let `account` act for the owner in `scope` until `expiresAt`, compared with the block time
    /// (seconds since 1970). A second call for the same account and scope replaces the expiry.
    /// @param scope A word that readers agree on, as left-aligned ASCII: "capture".
    function delegate(bytes32 node, address account, bytes32 scope, uint64 expiresAt)
        external
        whenNotPaused
        onlyOwner(node)
        onlyActive(node)
    {
        if (expiresAt <= block.timestamp) revert AlreadyExpired(expiresAt);
        _delegates[_delegationOf(node, account, scope)] = expiresAt;
        emit Delegated(node, account, scope, expiresAt);
    }

    function revokeDelegate(bytes32 node, address account, bytes32 scope) external onlyOwner(node) {
        delete _delegates[_delegationOf(node, account, scope)];
        emit DelegateRevoked(node, account, scope);
    }

    /// @notice Offer the node to another account. Nothing changes until that account accepts. Replaces an
    /// earlier offer.
    function offerTransfer(bytes32 node, address to) external whenNotPaused onlyOwner(node) onlyActive(node) {
        _checkNotMissing(to);
        _nodes[node].offeredTo = to;
        emit TransferOffered(node, to);
    }

    function cancelTransfer(bytes32 node) external onlyOwner(node) {
        delete _nodes[node].offeredTo;
        emit TransferCancelled(node);
    }

    /// @notice Become the owner of a node that was offered to you.
    function acceptTransfer(bytes32 node) external whenNotPaused onlyActive(node) {
        Node storage entry = _nodes[node];
        if (entry.offeredTo != msg.sender) revert NotOffered(node, msg.sender);
        address from = entry.owner;
        (entry.owner, entry.offeredTo) = (msg.sender, address(0));
        uint32 term = ++entry.term;
        emit Transferred(node, from, msg.sender, term);
    }

    /// @notice Declare that this node and a node of another scheme name the same things. It holds once the
    /// owner of the other declares the same.
    function declareEquivalence(bytes32 node, bytes32 other)
        external
        whenNotPaused
        onlyOwner(node)
        onlyActive(node)
        onlyActive(other)
    {
        if (_rootOf(node) == _rootOf(other)) revert SameScheme(node, other);
        _equivalences[_declarationOf(node, other)] = true;
        emit EquivalenceDeclared(node, other);
    }

    /// @notice Take back the own declaration, and end the equivalence with it.
    function withdrawEquivalence(bytes32 node, bytes32 other) external onlyOwner(node) {
        delete _equivalences[_declarationOf(node, other)];
        emit EquivalenceWithdrawn(node, other);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /// @notice The id of a node, allocated or not.
    function nodeOf(string calldata scheme, string memory text) public pure returns (bytes32) {
        return keccak256(abi.encode(scheme, text));
    }

    /// @notice All facts about a node; for one that was never allocated, zeros and its status.
    function holder(bytes32 node) external view returns (Holder memory) {
        Node storage entry = _nodes[node];
        return Holder({
            owner: entry.owner,
            offeredTo: entry.offeredTo,
            status: entry.status,
            active: isActive(node),
            parent: entry.parent,
            term: entry.term,
            logId: entry.logId,
            endpoint: entry.endpoint
        });
    }

    /// @notice The longest allocated prefix of `text`, which may itself be longer than any prefix.
    /// @return node Its id; 0 when the scheme is not open.
    /// @return length How many characters of `text` it covers; 0 for the root.
    /// @return owner Its owner.
    /// @return active Whether neither it nor any node above it is suspended or revoked.
    function resolve(string calldata scheme, string calldata text)
        external
        view
        returns (bytes32 node, uint256 length, address owner, bool active)
    {
        bytes32 root = nodeOf(scheme, "");
        if (_nodes[root].status == Status.Free) return (0, 0, address(0), false);
        bytes calldata raw = bytes(text);
        length = raw.length < PrefixText.LENGTH_MAX ? raw.length : PrefixText.LENGTH_MAX;
        node = _levelOf(scheme, raw, length);
        while (!PrefixText.endsLevel(raw, length, _separators[root]) || _nodes[node].owner == address(0)) {
            node = _levelOf(scheme, raw, --length);
        }
        return (node, length, _nodes[node].owner, isActive(node));
    }

    /// @notice Whether the node and all above it are allocated, and none of them suspended or revoked.
    function isActive(bytes32 node) public view returns (bool) {
        while (_nodes[node].status == Status.Allocated) {
            if (_nodes[node].parent == 0) return true;
            node = _nodes[node].parent;
        }
        return false;
    }

    /// @notice Whether `account` may act for the node's owner in `scope` now. The owner is nobody's delegate.
    function isDelegate(bytes32 node, address account, bytes32 scope) external view returns (bool) {
        return block.timestamp < _delegates[_delegationOf(node, account, scope)] && isActive(node);
    }

    /// @notice Whether both owners declare that the two nodes name the same things, and both nodes are
    /// active.
    function areEquivalent(bytes32 node, bytes32 other) external view returns (bool) {
        return _equivalences[_declarationOf(node, other)] && _equivalences[_declarationOf(other, node)]
            && isActive(node) && isActive(other);
    }

    /// @dev Marks the free levels above `text` as passages, up to the nearest allocated node, and returns
    /// that node.
    function _openPassage(string calldata scheme, bytes calldata text, bytes1 separator)
        private
        returns (bytes32 node)
    {
        for (uint256 length = text.length - 1;; --length) {
            if (!PrefixText.endsLevel(text, length, separator)) continue;
            node = _levelOf(scheme, text, length);
            if (_nodes[node].owner != address(0)) return node;
            if (_nodes[node].status == Status.Free) _nodes[node].status = Status.Passage;
        }
    }

    function _allocate(bytes32 node, bytes32 parent, address owner) private {
        _checkNotMissing(owner);
        Node storage entry = _nodes[node];
        (entry.owner, entry.status, entry.term, entry.parent) = (owner, Status.Allocated, 1, parent);
    }

    function _checkOwner(bytes32 node) private view {
        if (_nodes[node].owner != msg.sender || _nodes[node].status == Status.Revoked) {
            revert NotOwner(node, msg.sender);
        }
    }

    function _checkAbove(bytes32 node) private view {
        if (hasRole(REGISTRAR_ROLE, msg.sender)) return;
        bytes32 parent = _nodes[node].parent;
        if (_nodes[parent].owner != msg.sender || !isActive(parent)) revert NotAbove(node, msg.sender);
    }

    function _checkStatus(bytes32 node, Status needed) private view {
        if (_nodes[node].status != needed) revert WrongStatus(node, _nodes[node].status);
    }

    function _checkNotMissing(address owner) private pure {
        if (owner == address(0)) revert OwnerMissing();
    }

    function _rootOf(bytes32 node) private view returns (bytes32) {
        while (_nodes[node].parent != 0) node = _nodes[node].parent;
        return node;
    }

    /// @dev The node of the first `length` characters of `text`.
    function _levelOf(string calldata scheme, bytes calldata text, uint256 length)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(scheme, text[:length]));
    }

    function _delegationOf(bytes32 node, address account, bytes32 scope) private view returns (bytes32) {
        return keccak256(abi.encode(node, _nodes[node].term, account, scope));
    }

    function _declarationOf(bytes32 node, bytes32 other) private view returns (bytes32) {
        return keccak256(abi.encode(node, _nodes[node].term, other, _nodes[other].term));
    }
}
