// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {MerkleConsistency} from "./MerkleConsistency.sol";

/// @title TraceLog
/// @notice Remembers every anchor of every log, and accepts only anchors that continue the one before.
/// @dev Guaranteed, whatever a log's writer, the registrar or the admin do:
/// - an anchor, once written, is never changed or removed;
/// - a log only grows: the log under anchor n + 1 begins with the whole log under anchor n (RFC 9162
/// consistency proof, checked here), so a rewritten history cannot be anchored;
/// - anchors of one log form one chain, since each names the one before it.
///
/// Not guaranteed: that the events in a log are true, that the map root belongs to the log root or that `size`
/// leaves have that log root (readers recompute both), that the first anchor of a log is complete, that
/// anchors come in time, and anything at all once a majority of the chain's validators cheat.
///
/// There is no product data here, no upgrade, no way to receive coins, and no call to another contract.
contract TraceLog is AccessControlDefaultAdminRules, Pausable {
    struct Log {
        address writer; // who may anchor
        uint64 size; // leaves under the newest anchor
        uint32 count; // anchors so far
        bytes32 logRoot; // RFC 9162 tree head over `size` leaves, SHA-256
    }

    /// @notice May open logs and change their writers.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    /// @notice May stop and restart writing. Reading is never stopped.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    mapping(bytes32 logId => Log) private _logs;
    mapping(bytes32 logId => mapping(uint32 number => bytes32 anchorHash)) private _anchorHashes;

    /// @notice The log is already open: choose another id, or change its writer.
    error LogAlreadyOpen(bytes32 logId);
    /// @notice No log is open under this id.
    error LogNotOpen(bytes32 logId);
    /// @notice A log needs a writer.
    error WriterMissing(bytes32 logId);
    /// @notice Only the log's writer may anchor.
    error NotWriter(bytes32 logId, address account);
    /// @notice The newest anchor is `current`, not `given`: an earlier tx of yours may have gone through, or
    /// somebody else writes with your key. Read the head before you try again.
    error StaleAnchor(bytes32 current, bytes32 given);
    /// @notice A log must grow from one anchor to the next.
    error SizeNotGrown(uint64 current, uint64 given);
    /// @notice The proof does not show that the log begins with what was anchored before. The first anchor
    /// takes no proof.
    error NotConsistent(bytes32 logId, uint64 currentSize, uint64 givenSize);

    event LogOpened(bytes32 indexed logId, address indexed writer);
    event WriterChanged(bytes32 indexed logId, address indexed writer);
    event Anchored(
        bytes32 indexed logId,
        uint32 indexed number,
        bytes32 indexed anchorHash,
        bytes32 previous,
        uint64 size,
        bytes32 logRoot,
        bytes32 mapRoot
    );

    /// @param admin Gets every role, to hand them on. The admin role itself moves in two steps.
    /// @param adminDelaySeconds Time between those two steps.
    constructor(address admin, uint48 adminDelaySeconds)
        AccessControlDefaultAdminRules(adminDelaySeconds, admin)
    {
        _grantRole(REGISTRAR_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
    }

    /// @notice Open an empty log. Its id is the registrar's choice and is never used again.
    function openLog(bytes32 logId, address writer) external whenNotPaused onlyRole(REGISTRAR_ROLE) {
        if (writer == address(0)) revert WriterMissing(logId);
        if (_isOpen(logId)) revert LogAlreadyOpen(logId);
        _logs[logId].writer = writer;
        emit LogOpened(logId, writer);
    }

    /// @notice Hand a log to another writer account. What was anchored stays, and the new writer must
    /// continue it.
    /// @dev Works while paused: a stolen writer key is the very reason to pause.
    function setWriter(bytes32 logId, address writer) external onlyRole(REGISTRAR_ROLE) {
        if (writer == address(0)) revert WriterMissing(logId);
        if (!_isOpen(logId)) revert LogNotOpen(logId);
        _logs[logId].writer = writer;
        emit WriterChanged(logId, writer);
    }

    /// @notice Anchor the log at `size` leaves.
    /// @param previous Hash of the newest anchor, 0 before the first. A tx that is sent twice therefore
    /// counts once.
    /// @param logRoot Tree head over the `size` leaves, RFC 9162 with SHA-256.
    /// @param mapRoot Root of the item map over the same leaves. It is recorded, not checked.
    /// @param proof RFC 9162 consistency proof from the size and root of the newest anchor; empty for the
    /// first anchor.
    function anchor(
        bytes32 logId,
        bytes32 previous,
        uint64 size,
        bytes32 logRoot,
        bytes32 mapRoot,
        bytes32[] calldata proof
    ) external whenNotPaused {
        uint32 number = _checkContinues(logId, previous, size, logRoot, proof) + 1;
        bytes32 newest = _hashAnchor(logId, number, previous, size, logRoot, mapRoot);

        Log storage log = _logs[logId];
        (log.size, log.count, log.logRoot) = (size, number, logRoot);
        _anchorHashes[logId][number] = newest;
        emit Anchored(logId, number, newest, previous, size, logRoot, mapRoot);
    }

    /// @notice Stop anchoring and the opening of logs. Writers can still be changed, everything can be read.
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /// @notice The newest anchor of a log, and who may write the next.
    /// @return count Anchors so far, which is also the number of the newest; 0 before the first.
    /// @return size Leaves under it.
    /// @return logRoot Tree head over them.
    /// @return newest Its anchor hash, the `previous` of the next anchor.
    /// @return writer 0 when no such log is open.
    function head(bytes32 logId)
        external
        view
        returns (uint32 count, uint64 size, bytes32 logRoot, bytes32 newest, address writer)
    {
        Log storage log = _logs[logId];
        return (log.count, log.size, log.logRoot, _anchorHashes[logId][log.count], log.writer);
    }

    /// @notice Hash of anchor `number` of a log, counted from 1; 0 when there is none.
    /// @dev keccak256(abi.encode(chain id, this contract, log id, number, previous, size, log root, map
    /// root)), where each field fills 32 bytes.
    function anchorHash(bytes32 logId, uint32 number) external view returns (bytes32) {
        return _anchorHashes[logId][number];
    }

    /// @dev The number of anchors before this one. Reverts unless the writer continues the log from its
    /// newest anchor.
    function _checkContinues(
        bytes32 logId,
        bytes32 previous,
        uint64 size,
        bytes32 logRoot,
        bytes32[] calldata proof
    ) private view returns (uint32 count) {
        Log storage log = _logs[logId];
        address writer;
        uint64 currentSize;
        (writer, currentSize, count) = (log.writer, log.size, log.count);
        if (msg.sender != writer) revert NotWriter(logId, msg.sender);

        bytes32 current = _anchorHashes[logId][count];
        if (previous != current) revert StaleAnchor(current, previous);
        if (size <= currentSize) revert SizeNotGrown(currentSize, size);

        bool continues = count == 0
            ? proof.length == 0
            : MerkleConsistency.verify(currentSize, log.logRoot, size, logRoot, proof);
        if (!continues) revert NotConsistent(logId, currentSize, size);
    }

    function _hashAnchor(
        bytes32 logId,
        uint32 number,
        bytes32 previous,
        uint64 size,
        bytes32 logRoot,
        bytes32 mapRoot
    ) private view returns (bytes32) {
        return keccak256(
            abi.encode(block.chainid, address(this), logId, number, previous, size, logRoot, mapRoot)
        );
    }

    function _isOpen(bytes32 logId) private view returns (bool) {
        return _logs[logId].writer != address(0);
    }
}
