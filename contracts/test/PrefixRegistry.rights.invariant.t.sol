// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PrefixRegistry} from "../src/PrefixRegistry.sol";
import {Test} from "./Vm.sol";

/// @notice Does whatever anybody can do to a few prefixes, rightly or not, and keeps a slow list beside it of
/// who may do what. A step that the list allows must succeed, and every other must be refused.
contract RightsModel is Test {
    struct Prefix {
        string scheme;
        string text;
        uint256 parent; // its own index for a root
        address owner;
        PrefixRegistry.Status status;
        address offeredTo;
        string endpoint;
    }

    bytes32 public constant SCOPE = "capture";
    uint64 private constant FAR = type(uint64).max;

    PrefixRegistry private immutable registry;
    address[3] private owners = [_account("Ann"), _account("Bo"), _account("Cy")];
    address public immutable squatter = _account("squatter");
    Prefix[] private prefixes;
    mapping(uint256 index => mapping(address account => bool granted)) public mayAct;
    mapping(uint256 index => mapping(uint256 other => bool made)) private declared;

    constructor(PrefixRegistry registry_) {
        registry = registry_;
        _open("handle", ".", owners[0]);
        _allocate("handle", "1", 0, owners[1]);
        _allocate("handle", "1.2", 1, owners[2]);
        _allocate("handle", "3.1.4", 0, owners[1]); // "3" and "3.1" are passages: nobody gets them any more
        _open("gs1", "", owners[2]);
        _allocate("gs1", "0", 4, owners[0]);
        _allocate("gs1", "06141", 5, owners[0]);
    }

    function offer(uint256 index, uint256 by, uint256 to) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        bool allowed = _owns(i, actor) && isActive(i);
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.offerTransfer(node, owners[to % 3]) {
            vm.assertTrue(allowed, "offered");
            prefix.offeredTo = owners[to % 3];
        } catch {
            vm.assertFalse(allowed, "offer refused");
        }
    }

    function accept(uint256 index, uint256 by) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        if (by % 4 == 2 && prefix.offeredTo != address(0)) actor = prefix.offeredTo;
        bool allowed = isActive(i) && prefix.offeredTo == actor;
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.acceptTransfer(node) {
            vm.assertTrue(allowed, "accepted");
            _handOver(i, actor);
        } catch {
            vm.assertFalse(allowed, "acceptance refused");
        }
    }

    function cancel(uint256 index, uint256 by) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        bool allowed = _owns(i, actor);
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.cancelTransfer(node) {
            vm.assertTrue(allowed, "cancelled");
            prefix.offeredTo = address(0);
        } catch {
            vm.assertFalse(allowed, "cancelling refused");
        }
    }

    function suspend(uint256 index, uint256 by) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        bool allowed = _isAbove(i, actor) && prefix.status == PrefixRegistry.Status.Allocated;
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.suspend(node) {
            vm.assertTrue(allowed, "suspended");
            prefix.status = PrefixRegistry.Status.Suspended;
        } catch {
            vm.assertFalse(allowed, "suspension refused");
        }
    }

    function resume(uint256 index, uint256 by) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        bool allowed = _isAbove(i, actor) && prefix.status == PrefixRegistry.Status.Suspended;
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.resume(node) {
            vm.assertTrue(allowed, "resumed");
            prefix.status = PrefixRegistry.Status.Allocated;
        } catch {
            vm.assertFalse(allowed, "resumption refused");
        }
    }

    function revoke(uint256 index, uint256 by) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        bool allowed = _isAbove(i, actor) && prefix.status != PrefixRegistry.Status.Revoked;
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.revoke(node) {
            vm.assertTrue(allowed, "revoked");
            prefix.status = PrefixRegistry.Status.Revoked;
        } catch {
            vm.assertFalse(allowed, "revocation refused");
        }
    }

    function reallocate(uint256 index, uint256 by, uint256 to) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        bool allowed = _isAbove(i, actor) && prefix.status == PrefixRegistry.Status.Revoked;
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.reallocate(node, owners[to % 3]) {
            vm.assertTrue(allowed, "reallocated");
            _handOver(i, owners[to % 3]);
            (prefix.status, prefix.endpoint) = (PrefixRegistry.Status.Allocated, "");
        } catch {
            vm.assertFalse(allowed, "reallocation refused");
        }
    }

    /// @notice Somebody wants a prefix that is taken, one that lies above a taken one, or a scheme that is open.
    function squat(uint256 index, uint256 by, uint256 length) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        string memory text = _start(prefix.text, length % (bytes(prefix.text).length + 1));
        string memory scheme = prefix.scheme;
        vm.prank(actor);
        try registry.allocate(scheme, text, actor) {
            vm.assertTrue(false, text);
        } catch {}
        vm.prank(i % 2 == 0 ? admin : actor);
        try registry.openScheme(scheme, ".", actor) {
            vm.assertTrue(false, scheme);
        } catch {}
    }

    function name(uint256 index, uint256 by) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        bool allowed = _owns(i, actor) && isActive(i);
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.setEndpoint(node, "https://node.example", 0) {
            vm.assertTrue(allowed, "named");
            prefix.endpoint = "https://node.example";
        } catch {
            vm.assertFalse(allowed, "naming refused");
        }
    }

    function delegate(uint256 index, uint256 by, uint256 to) external {
        (, uint256 i, address actor) = _pick(index, by);
        bool allowed = _owns(i, actor) && isActive(i);
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.delegate(node, owners[to % 3], SCOPE, FAR) {
            vm.assertTrue(allowed, "delegated");
            mayAct[i][owners[to % 3]] = true;
        } catch {
            vm.assertFalse(allowed, "delegation refused");
        }
    }

    function withdraw(uint256 index, uint256 by, uint256 to) external {
        (, uint256 i, address actor) = _pick(index, by);
        bool allowed = _owns(i, actor);
        bytes32 node = nodeOf(i);
        vm.prank(actor);
        try registry.revokeDelegate(node, owners[to % 3], SCOPE) {
            vm.assertTrue(allowed, "withdrawn");
            mayAct[i][owners[to % 3]] = false;
        } catch {
            vm.assertFalse(allowed, "withdrawal refused");
        }
    }

    function declare(uint256 index, uint256 by, uint256 with) external {
        (Prefix storage prefix, uint256 i, address actor) = _pick(index, by);
        uint256 j = with % prefixes.length;
        bool allowed =
            _owns(i, actor) && isActive(i) && isActive(j) && !_isSame(prefix.scheme, prefixes[j].scheme);
        (bytes32 node, bytes32 other) = (nodeOf(i), nodeOf(j));
        vm.prank(actor);
        try registry.declareEquivalence(node, other) {
            vm.assertTrue(allowed, "declared");
            declared[i][j] = true;
        } catch {
            vm.assertFalse(allowed, "declaration refused");
        }
    }

    function retract(uint256 index, uint256 by, uint256 with) external {
        (, uint256 i, address actor) = _pick(index, by);
        uint256 j = with % prefixes.length;
        bool allowed = _owns(i, actor);
        (bytes32 node, bytes32 other) = (nodeOf(i), nodeOf(j));
        vm.prank(actor);
        try registry.withdrawEquivalence(node, other) {
            vm.assertTrue(allowed, "retracted");
            declared[i][j] = false;
        } catch {
            vm.assertFalse(allowed, "retraction refused");
        }
    }

    function count() external view returns (uint256) {
        return prefixes.length;
    }

    function prefixAt(uint256 index) external view returns (Prefix memory) {
        return prefixes[index];
    }

    function ownerAt(uint256 index) external view returns (address) {
        return owners[index];
    }

    function areEquivalent(uint256 i, uint256 j) external view returns (bool) {
        return declared[i][j] && declared[j][i] && isActive(i) && isActive(j);
    }

    function nodeOf(uint256 i) public view returns (bytes32) {
        return keccak256(abi.encode(prefixes[i].scheme, prefixes[i].text));
    }

    function isActive(uint256 i) public view returns (bool) {
        while (prefixes[i].status == PrefixRegistry.Status.Allocated) {
            if (prefixes[i].parent == i) return true;
            i = prefixes[i].parent;
        }
        return false;
    }

    function _open(string memory scheme, string memory separator, address owner) private {
        vm.prank(admin);
        registry.openScheme(scheme, bytes1(bytes(separator)), owner);
        _add(scheme, "", prefixes.length, owner);
    }

    function _allocate(string memory scheme, string memory text, uint256 parent, address owner) private {
        vm.prank(prefixes[parent].owner);
        registry.allocate(scheme, text, owner);
        _add(scheme, text, parent, owner);
    }

    function _add(string memory scheme, string memory text, uint256 parent, address owner) private {
        prefixes.push(Prefix(scheme, text, parent, owner, PrefixRegistry.Status.Allocated, address(0), ""));
    }

    /// @dev A prefix and somebody: its owner half of the time, then the owner above, the registrar, or anybody.
    function _pick(uint256 index, uint256 by)
        private
        view
        returns (Prefix storage prefix, uint256 i, address actor)
    {
        i = index % prefixes.length;
        prefix = prefixes[i];
        if (by % 4 < 2) return (prefix, i, prefix.owner);
        uint256 random = (by >> 8) % 6;
        if (random == 0) return (prefix, i, admin);
        if (random == 1) return (prefix, i, squatter);
        if (random == 2) return (prefix, i, owners[(by >> 16) % 3]);
        return (prefix, i, prefixes[prefix.parent].owner);
    }

    /// @dev What the owner before granted, declared or was told ends here.
    function _handOver(uint256 i, address to) private {
        (prefixes[i].owner, prefixes[i].offeredTo) = (to, address(0));
        for (uint256 a = 0; a < owners.length; ++a) {
            mayAct[i][owners[a]] = false;
        }
        for (uint256 j = 0; j < prefixes.length; ++j) {
            declared[i][j] = false;
            declared[j][i] = false;
        }
    }

    function _owns(uint256 i, address actor) private view returns (bool) {
        return prefixes[i].owner == actor && prefixes[i].status != PrefixRegistry.Status.Revoked;
    }

    function _isAbove(uint256 i, address actor) private view returns (bool) {
        uint256 parent = prefixes[i].parent;
        return actor == admin || (parent != i && prefixes[parent].owner == actor && isActive(parent));
    }

    function _isSame(string memory left, string memory right) private pure returns (bool) {
        return keccak256(bytes(left)) == keccak256(bytes(right));
    }

    function _start(string memory text, uint256 length) private pure returns (string memory) {
        bytes memory start = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            start[i] = bytes(text)[i];
        }
        return string(start);
    }
}

/// forge-config: default.invariant.runs = 16
contract RightsInvariantTest is Test {
    PrefixRegistry private registry;
    RightsModel private model;

    function setUp() public {
        registry = new PrefixRegistry(admin, 0);
        model = new RightsModel(registry);
    }

    /// @dev Forge calls this and nothing else.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(model);
    }

    function invariant_a_prefix_changes_hands_only_by_offer_and_acceptance_or_from_above() public view {
        for (uint256 i = 0; i < model.count(); ++i) {
            RightsModel.Prefix memory prefix = model.prefixAt(i);
            PrefixRegistry.Holder memory holder = registry.holder(model.nodeOf(i));
            vm.assertEq(holder.owner, prefix.owner, prefix.text);
            vm.assertEq(holder.offeredTo, prefix.offeredTo, prefix.text);
            vm.assertTrue(holder.status == prefix.status, prefix.text);
            vm.assertTrue(holder.active == model.isActive(i), prefix.text);
            vm.assertEq(holder.endpoint, prefix.endpoint);
        }
    }

    function invariant_nobody_acts_for_an_owner_who_did_not_grant_it() public view {
        for (uint256 i = 0; i < model.count(); ++i) {
            bytes32 node = model.nodeOf(i);
            for (uint256 a = 0; a < 3; ++a) {
                address account = model.ownerAt(a);
                bool granted = model.mayAct(i, account) && model.isActive(i);
                vm.assertTrue(registry.isDelegate(node, account, model.SCOPE()) == granted, "delegate");
            }
            vm.assertFalse(registry.isDelegate(node, model.squatter(), model.SCOPE()), "squatter");
        }
    }

    function invariant_two_prefixes_are_equivalent_only_while_both_owners_say_so() public view {
        for (uint256 i = 0; i < model.count(); ++i) {
            for (uint256 j = 0; j < i; ++j) {
                bool found = registry.areEquivalent(model.nodeOf(i), model.nodeOf(j));
                vm.assertTrue(found == model.areEquivalent(i, j), "equivalent");
            }
        }
    }

    function invariant_who_was_given_nothing_owns_nothing() public view {
        for (uint256 i = 0; i < model.count(); ++i) {
            PrefixRegistry.Holder memory holder = registry.holder(model.nodeOf(i));
            vm.assertFalse(holder.owner == model.squatter(), "owner");
            vm.assertFalse(holder.offeredTo == model.squatter(), "offered");
        }
        vm.assertTrue(_holder("3").status == PrefixRegistry.Status.Passage, "3");
        vm.assertTrue(_holder("3.1").status == PrefixRegistry.Status.Passage, "3.1");
        vm.assertEq(_holder("3").owner, address(0));
        vm.assertEq(_holder("3.1").owner, address(0));
    }

    /// @dev Every start of a text, and the text with more behind it, lead to the one prefix that was given.
    function invariant_any_text_leads_to_the_longest_prefix_that_was_given() public view {
        _checkLeads("handle", "1.2.9", "1.2");
        _checkLeads("handle", "1.20", "1");
        _checkLeads("handle", "3.1.9", "");
        _checkLeads("handle", "3.1.4/x", "");
        _checkLeads("gs1", "0614199", "06141");
        _checkLeads("gs1", "0614", "0");
        _checkLeads("gs1", "9", "");
    }

    function _checkLeads(string memory scheme, string memory text, string memory prefix) private view {
        (bytes32 node, uint256 length,,) = registry.resolve(scheme, text);
        vm.assertEq(node, keccak256(abi.encode(scheme, prefix)), text);
        vm.assertEq(length, bytes(prefix).length, text);
    }

    function _holder(string memory text) private view returns (PrefixRegistry.Holder memory) {
        return registry.holder(keccak256(abi.encode("handle", text)));
    }
}
