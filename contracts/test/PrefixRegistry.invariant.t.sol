// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PrefixRegistry} from "../src/PrefixRegistry.sol";
import {Test} from "./Vm.sol";

/// @notice Does random things in one scheme, and keeps beside it a slow list of what must come of them.
contract SchemeModel is Test {
    struct Entry {
        string text;
        address owner;
        PrefixRegistry.Status status;
    }

    PrefixRegistry private immutable registry;
    address private immutable registrar;
    string public scheme;
    string private separator;
    string[] private labels;
    address[3] private actors = [_account("Ann"), _account("Bo"), _account("Cy")];
    Entry[] private entries;

    constructor(
        PrefixRegistry registry_,
        address registrar_,
        string memory scheme_,
        string memory separator_,
        string[] memory labels_
    ) {
        (registry, registrar, scheme, separator, labels) =
        (registry_, registrar_, scheme_, separator_, labels_);
        entries.push(Entry("", actors[0], PrefixRegistry.Status.Allocated));
    }

    function allocateAsOwner(uint256 random, uint256 to) external {
        string memory text = makeText(random);
        _allocate(text, entries[nearestAbove(text)].owner, actors[to % 3]);
    }

    function allocateAsAnybody(uint256 random, uint256 by, uint256 to) external {
        _allocate(makeText(random), actors[by % 3], actors[to % 3]);
    }

    function suspend(uint256 index) external {
        Entry storage entry = _pick(index);
        vm.prank(registrar);
        try registry.suspend(nodeOf(entry.text)) {
            entry.status = PrefixRegistry.Status.Suspended;
        } catch {
            vm.assertTrue(entry.status != PrefixRegistry.Status.Allocated, "suspend refused");
        }
    }

    function resume(uint256 index) external {
        Entry storage entry = _pick(index);
        vm.prank(registrar);
        try registry.resume(nodeOf(entry.text)) {
            entry.status = PrefixRegistry.Status.Allocated;
        } catch {
            vm.assertTrue(entry.status != PrefixRegistry.Status.Suspended, "resume refused");
        }
    }

    /// @dev A prefix that is revoked already is given to somebody else, so that the run goes on.
    function revoke(uint256 index) external {
        Entry storage entry = _pick(index);
        if (entry.status == PrefixRegistry.Status.Revoked) return _reallocate(entry, actors[index % 3]);
        vm.prank(registrar);
        registry.revoke(nodeOf(entry.text));
        entry.status = PrefixRegistry.Status.Revoked;
    }

    function transfer(uint256 index, uint256 to) external {
        Entry storage entry = entries[index % entries.length];
        bool allowed = isActive(entry.text);
        bytes32 node = nodeOf(entry.text);

        vm.prank(entry.owner);
        try registry.offerTransfer(node, actors[to % 3]) {
            vm.assertTrue(allowed, "offered");
            entry.owner = actors[to % 3];
            vm.prank(entry.owner);
            registry.acceptTransfer(node);
        } catch {
            vm.assertFalse(allowed, "offer refused");
        }
    }

    function count() external view returns (uint256) {
        return entries.length;
    }

    function entryAt(uint256 index) external view returns (Entry memory) {
        return entries[index];
    }

    function nodeOf(string memory text) public view returns (bytes32) {
        return keccak256(abi.encode(scheme, text));
    }

    /// @notice One to four labels.
    function makeText(uint256 random) public view returns (string memory text) {
        text = labels[random % labels.length];
        for (uint256 more = (random >> 8) % 4; more > 0; --more) {
            random >>= 16;
            text = string.concat(text, separator, labels[random % labels.length]);
        }
    }

    /// @notice Whether `above` is a proper prefix of `below`, level by level.
    function isAbove(string memory above, string memory below) public view returns (bool) {
        if (bytes(above).length == 0) return bytes(below).length > 0;
        string memory start = string.concat(above, separator);
        if (bytes(start).length >= bytes(below).length) return false;
        for (uint256 i = 0; i < bytes(start).length; ++i) {
            if (bytes(start)[i] != bytes(below)[i]) return false;
        }
        return true;
    }

    /// @notice Index of the longest entry above `text`.
    function nearestAbove(string memory text) public view returns (uint256 nearest) {
        for (uint256 i = 1; i < entries.length; ++i) {
            if (isAbove(entries[i].text, text) && isAbove(entries[nearest].text, entries[i].text)) {
                nearest = i;
            }
        }
    }

    function isActive(string memory text) public view returns (bool) {
        for (uint256 i = 0; i < entries.length; ++i) {
            bool matters = isAbove(entries[i].text, text) || _isSame(entries[i].text, text);
            if (matters && entries[i].status != PrefixRegistry.Status.Allocated) return false;
        }
        return true;
    }

    function _allocate(string memory text, address actor, address owner) private {
        Entry memory parent = entries[nearestAbove(text)];
        bool allowed = !_isTaken(text) && parent.owner == actor && isActive(parent.text);

        vm.prank(actor);
        try registry.allocate(scheme, text, owner) {
            vm.assertTrue(allowed, "allocated");
            entries.push(Entry(text, owner, PrefixRegistry.Status.Allocated));
        } catch {
            vm.assertFalse(allowed, "refused");
        }
    }

    /// @dev Any entry; the root, below which everything stops, one time in sixteen.
    function _pick(uint256 index) private view returns (Entry storage) {
        return entries[index % 16 == 0 ? 0 : (index >> 4) % entries.length];
    }

    /// @dev Somebody has, or had, this very prefix or one below it.
    function _isTaken(string memory text) private view returns (bool) {
        for (uint256 i = 0; i < entries.length; ++i) {
            if (_isSame(text, entries[i].text) || isAbove(text, entries[i].text)) return true;
        }
        return false;
    }

    function _isSame(string memory left, string memory right) private pure returns (bool) {
        return keccak256(bytes(left)) == keccak256(bytes(right));
    }

    function _reallocate(Entry storage entry, address to) private {
        vm.prank(registrar);
        registry.reallocate(nodeOf(entry.text), to);
        (entry.owner, entry.status) = (to, PrefixRegistry.Status.Allocated);
    }
}

contract RegistryInvariantTest is Test {
    PrefixRegistry private registry;
    SchemeModel[2] private models;

    function setUp() public {
        registry = new PrefixRegistry(admin, 0);
        string[] memory digits = new string[](2);
        (digits[0], digits[1]) = ("0", "1");
        models[0] = _open("gs1", "", digits);
        // "1" and "12" share characters but no level.
        string[] memory labels = new string[](3);
        (labels[0], labels[1], labels[2]) = ("1", "2", "12");
        models[1] = _open("handle", ".", labels);
    }

    /// @dev Forge calls these and nothing else.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](2);
        (targets[0], targets[1]) = (address(models[0]), address(models[1]));
    }

    function invariant_each_prefix_has_the_owner_status_and_parent_it_was_given() public view {
        for (uint256 m = 0; m < models.length; ++m) {
            for (uint256 i = 0; i < models[m].count(); ++i) {
                _checkEntry(models[m], i);
            }
        }
    }

    function invariant_nobody_owns_what_lies_below_anothers_prefix_without_having_got_it_there() public view {
        for (uint256 m = 0; m < models.length; ++m) {
            for (uint256 i = 0; i < models[m].count(); ++i) {
                _checkPathToRoot(models[m], i);
            }
        }
    }

    function _open(string memory scheme, string memory separator, string[] memory labels)
        private
        returns (SchemeModel)
    {
        vm.prank(admin);
        registry.openScheme(scheme, bytes1(bytes(separator)), _account("Ann"));
        return new SchemeModel(registry, admin, scheme, separator, labels);
    }

    function _checkEntry(SchemeModel model, uint256 index) private view {
        SchemeModel.Entry memory entry = model.entryAt(index);
        PrefixRegistry.Holder memory holder = registry.holder(model.nodeOf(entry.text));
        vm.assertEq(holder.owner, entry.owner, entry.text);
        vm.assertTrue(holder.status == entry.status, entry.text);
        vm.assertTrue(holder.active == model.isActive(entry.text), entry.text);

        (bytes32 node, uint256 length,,) = registry.resolve(model.scheme(), entry.text);
        vm.assertEq(node, model.nodeOf(entry.text), entry.text);
        vm.assertEq(length, bytes(entry.text).length, entry.text);
    }

    /// @dev The parents of a prefix are exactly the allocated prefixes above it, nearest first.
    function _checkPathToRoot(SchemeModel model, uint256 index) private view {
        string memory text = model.entryAt(index).text;
        bytes32 node = model.nodeOf(text);
        while (bytes(text).length > 0) {
            text = model.entryAt(model.nearestAbove(text)).text;
            node = registry.holder(node).parent;
            vm.assertEq(node, model.nodeOf(text), text);
        }
        vm.assertEq(registry.holder(node).parent, 0);
    }
}
