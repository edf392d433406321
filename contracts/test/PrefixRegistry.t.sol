// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {PrefixRegistry} from "../src/PrefixRegistry.sol";
import {Test} from "./Vm.sol";

/// @notice A registry with the schemes "gs1" (every digit a level) and "handle" (levels between dots).
abstract contract RegistryTest is Test {
    address internal immutable registrar = _account("registrar");
    address internal immutable pauser = _account("pauser");
    address internal immutable gs1 = _account("GS1, owner of the root");
    address internal immutable handles = _account("owner of the handle root");
    address internal immutable dairy = _account("a dairy");
    address internal immutable fishery = _account("a fishery");
    address internal immutable scanner = _account("a scanner's key");

    PrefixRegistry internal registry;

    function setUp() public virtual {
        registry = new PrefixRegistry(admin, 0);
        _grant(registry.REGISTRAR_ROLE(), registrar);
        _grant(registry.PAUSER_ROLE(), pauser);
        _openScheme("gs1", 0, gs1);
        _openScheme("handle", ".", handles);
    }

    function _grant(bytes32 role, address account) private {
        vm.prank(admin);
        registry.grantRole(role, account);
    }

    function _openScheme(string memory scheme, bytes1 separator, address owner) internal returns (bytes32) {
        vm.prank(registrar);
        return registry.openScheme(scheme, separator, owner);
    }

    function _allocate(address by, string memory scheme, string memory text, address owner)
        internal
        returns (bytes32)
    {
        vm.prank(by);
        return registry.allocate(scheme, text, owner);
    }

    function _suspend(address by, bytes32 node) internal {
        vm.prank(by);
        registry.suspend(node);
    }

    function _revoke(address by, bytes32 node) internal {
        vm.prank(by);
        registry.revoke(node);
    }

    function _reallocate(address by, bytes32 node, address owner) internal {
        vm.prank(by);
        registry.reallocate(node, owner);
    }

    function _transfer(bytes32 node, address from, address to) internal {
        vm.prank(from);
        registry.offerTransfer(node, to);
        vm.prank(to);
        registry.acceptTransfer(node);
    }

    function _delegate(address by, bytes32 node, address account, uint64 expiresAt) internal {
        vm.prank(by);
        registry.delegate(node, account, "capture", expiresAt);
    }

    function _declare(address by, bytes32 node, bytes32 other) internal {
        vm.prank(by);
        registry.declareEquivalence(node, other);
    }

    function _nodeOf(string memory scheme, string memory text) internal pure returns (bytes32) {
        return keccak256(abi.encode(scheme, text));
    }

    function _expect(bytes4 selector, bytes32 node) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, node));
    }

    function _expect(bytes4 selector, bytes32 node, address account) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, node, account));
    }

    function _expect(bytes4 selector, bytes32 node, PrefixRegistry.Status status) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, node, status));
    }

    function _expectMissingRole(address account, bytes32 role) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, account, role)
        );
    }

    function _expectNotice() internal {
        vm.expectEmit(address(registry));
    }
}

contract AllocationTest is RegistryTest {
    function test_a_registrar_opens_a_scheme_and_gives_its_root_away() public {
        bytes32 root = _nodeOf("oid", "");

        _expectNotice();
        emit PrefixRegistry.SchemeOpened(root, "oid", ".");
        _expectNotice();
        emit PrefixRegistry.Allocated(root, 0, dairy, "oid", "");
        vm.assertEq(_openScheme("oid", ".", dairy), root);

        PrefixRegistry.Holder memory holder = registry.holder(root);
        vm.assertEq(holder.owner, dairy);
        vm.assertEq(holder.parent, 0);
        vm.assertTrue(holder.active, "active");
    }

    function test_only_a_registrar_opens_schemes() public {
        _expectMissingRole(gs1, registry.REGISTRAR_ROLE());
        vm.prank(gs1);
        registry.openScheme("oid", ".", gs1);
    }

    function test_a_scheme_is_opened_once() public {
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.SchemeAlreadyOpen.selector, "gs1"));
        _openScheme("gs1", ".", dairy);
    }

    function test_a_scheme_needs_a_short_visible_name() public {
        string[3] memory names = ["", "with space", "a-name-of-thirty-three-characters"];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.SchemeInvalid.selector, names[i]));
            _openScheme(names[i], 0, dairy);
        }
    }

    function test_a_scheme_and_a_prefix_need_an_owner() public {
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.OwnerMissing.selector));
        _openScheme("oid", ".", address(0));
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.OwnerMissing.selector));
        _allocate(gs1, "gs1", "0614141", address(0));
    }

    function test_the_root_owner_allocates_a_company_prefix() public {
        bytes32 node = _nodeOf("gs1", "0614141");

        _expectNotice();
        emit PrefixRegistry.Allocated(node, _nodeOf("gs1", ""), dairy, "gs1", "0614141");
        vm.assertEq(_allocate(gs1, "gs1", "0614141", dairy), node);

        PrefixRegistry.Holder memory holder = registry.holder(node);
        vm.assertEq(holder.owner, dairy);
        vm.assertEq(holder.offeredTo, address(0));
        vm.assertTrue(holder.status == PrefixRegistry.Status.Allocated, "allocated");
        vm.assertTrue(holder.active, "active");
        vm.assertEq(holder.parent, _nodeOf("gs1", ""));
        vm.assertEq(holder.term, 1);
        vm.assertEq(holder.logId, 0);
        vm.assertEq(holder.endpoint, "");
    }

    function test_each_owner_allocates_below_its_own_prefix() public {
        _allocate(handles, "handle", "88", gs1);
        _allocate(gs1, "handle", "88.118", dairy);
        bytes32 node = _allocate(dairy, "handle", "88.118.1001", fishery);

        vm.assertEq(registry.holder(node).parent, _nodeOf("handle", "88.118"));

        _expect(PrefixRegistry.NotOwner.selector, _nodeOf("handle", "88.118"), handles);
        _allocate(handles, "handle", "88.118.1002", handles);
    }

    function test_only_the_owner_of_the_nearest_prefix_allocates() public {
        _allocate(gs1, "gs1", "061", dairy);

        _expect(PrefixRegistry.NotOwner.selector, _nodeOf("gs1", "061"), gs1);
        _allocate(gs1, "gs1", "0614141", fishery);

        _allocate(dairy, "gs1", "0614141", fishery);
    }

    function test_an_allocated_prefix_is_not_allocated_again() public {
        bytes32 node = _allocate(gs1, "gs1", "0614141", dairy);

        _expect(PrefixRegistry.NotFree.selector, node, PrefixRegistry.Status.Allocated);
        _allocate(gs1, "gs1", "0614141", fishery);
    }

    function test_nobody_gets_a_prefix_above_an_allocated_one() public {
        _allocate(gs1, "gs1", "0614141", dairy);

        string[3] memory above = ["0", "06", "061414"];
        for (uint256 i = 0; i < above.length; ++i) {
            _expect(PrefixRegistry.NotFree.selector, _nodeOf("gs1", above[i]), PrefixRegistry.Status.Passage);
            _allocate(gs1, "gs1", above[i], fishery);
        }
        _allocate(gs1, "gs1", "07", fishery);
        _allocate(gs1, "gs1", "0614142", fishery);
    }

    function test_levels_of_a_handle_are_whole_labels() public {
        _allocate(handles, "handle", "88.118.1001", dairy);

        _expect(PrefixRegistry.NotFree.selector, _nodeOf("handle", "88"), PrefixRegistry.Status.Passage);
        _allocate(handles, "handle", "88", fishery);

        _allocate(handles, "handle", "8", fishery);
        _allocate(handles, "handle", "88.11", fishery);
        _allocate(handles, "handle", "88.118.100", fishery);
    }

    function test_a_text_must_be_short_visible_and_without_empty_levels() public {
        string[8] memory texts = ["", ".", ".88", "88.", "88..118", "88 118", unicode"88.１18", "x\n"];
        for (uint256 i = 0; i < texts.length; ++i) {
            _checkTextIsRefused(texts[i]);
        }
        _checkTextIsRefused(_repeat("1", 65));

        _allocate(handles, "handle", _repeat("1", 64), dairy);
    }

    function test_a_scheme_must_be_open() public {
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.SchemeNotOpen.selector, "oid"));
        _allocate(gs1, "oid", "1.2", dairy);
    }

    function test_nothing_is_allocated_below_a_suspended_or_revoked_prefix() public {
        bytes32 node = _allocate(gs1, "gs1", "061", dairy);

        _suspend(gs1, node);
        _expect(PrefixRegistry.NotActive.selector, node);
        _allocate(dairy, "gs1", "0614141", fishery);

        _revoke(gs1, node);
        _expect(PrefixRegistry.NotOwner.selector, node, dairy);
        _allocate(dairy, "gs1", "0614141", fishery);
    }

    function test_the_longest_prefix_that_a_text_begins_with_is_found() public {
        bytes32 short = _allocate(gs1, "gs1", "061", dairy);
        bytes32 long = _allocate(dairy, "gs1", "0614141", fishery);

        _checkResolved("gs1", "0614141", long, 7, fishery);
        _checkResolved("gs1", "061414112345", long, 7, fishery);
        _checkResolved("gs1", "061414", short, 3, dairy);
        _checkResolved("gs1", "06", _nodeOf("gs1", ""), 0, gs1);
        _checkResolved("gs1", "", _nodeOf("gs1", ""), 0, gs1);
        _checkResolved("gs1", string.concat("0614141", _repeat("9", 1000)), long, 7, fishery);
    }

    function test_the_prefix_of_a_handle_ends_where_a_label_ends() public {
        bytes32 node = _allocate(handles, "handle", "88.118", dairy);
        bytes32 longest = _allocate(handles, "handle", _repeat("1", 64), fishery);

        _checkResolved("handle", "88.118", node, 6, dairy);
        _checkResolved("handle", "88.118.1001", node, 6, dairy);
        _checkResolved("handle", "88.1181", _nodeOf("handle", ""), 0, handles);
        _checkResolved("handle", string.concat(_repeat("1", 64), ".2"), longest, 64, fishery);
        _checkResolved("handle", _repeat("1", 65), _nodeOf("handle", ""), 0, handles);
    }

    function test_nothing_is_found_in_a_scheme_that_is_not_open() public view {
        (bytes32 node, uint256 length, address owner, bool active) = registry.resolve("oid", "1.2");
        vm.assertEq(node, 0);
        vm.assertEq(length, 0);
        vm.assertEq(owner, address(0));
        vm.assertFalse(active, "active");
    }

    function test_a_prefix_in_one_scheme_says_nothing_about_another() public {
        _allocate(gs1, "gs1", "88", dairy);

        _allocate(handles, "handle", "88", fishery);

        vm.assertEq(registry.holder(_nodeOf("gs1", "88")).owner, dairy);
        vm.assertEq(registry.holder(_nodeOf("handle", "88")).owner, fishery);
    }

    function test_the_id_of_a_node_is_the_hash_of_scheme_and_text() public view {
        vm.assertEq(registry.nodeOf("gs1", "0614141"), _nodeOf("gs1", "0614141"));
        vm.assertTrue(registry.nodeOf("gs1", "0") != registry.nodeOf("gs10", ""), "unambiguous");
    }

    function _checkTextIsRefused(string memory text) private {
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.TextInvalid.selector, text));
        _allocate(handles, "handle", text, dairy);
    }

    function _checkResolved(
        string memory scheme,
        string memory text,
        bytes32 expectedNode,
        uint256 expectedLength,
        address expectedOwner
    ) private view {
        (bytes32 node, uint256 length, address owner, bool active) = registry.resolve(scheme, text);
        vm.assertEq(node, expectedNode, text);
        vm.assertEq(length, expectedLength, text);
        vm.assertEq(owner, expectedOwner, text);
        vm.assertTrue(active, text);
    }

    function _repeat(string memory character, uint256 count) private pure returns (string memory text) {
        for (uint256 i = 0; i < count; ++i) {
            text = string.concat(text, character);
        }
    }
}

contract AuthorityTest is RegistryTest {
    bytes32 private parent;
    bytes32 private node;

    function setUp() public override {
        super.setUp();
        parent = _allocate(gs1, "gs1", "061", dairy);
        node = _allocate(dairy, "gs1", "0614141", fishery);
    }

    function test_the_parents_owner_and_the_registrar_suspend_and_resume() public {
        _checkSuspendsAndResumes(dairy);
        _checkSuspendsAndResumes(registrar);
    }

    function test_nobody_else_suspends_resumes_revokes_or_reallocates() public {
        // The owner itself, the owner two levels up, and a stranger.
        address[3] memory others = [fishery, gs1, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            _expect(PrefixRegistry.NotAbove.selector, node, others[i]);
            _suspend(others[i], node);
            _expect(PrefixRegistry.NotAbove.selector, node, others[i]);
            _revoke(others[i], node);
            _expect(PrefixRegistry.NotAbove.selector, node, others[i]);
            vm.prank(others[i]);
            registry.resume(node);
            _expect(PrefixRegistry.NotAbove.selector, node, others[i]);
            _reallocate(others[i], node, stranger);
        }
    }

    function test_only_the_registrar_stands_above_a_root() public {
        bytes32 root = _nodeOf("gs1", "");
        _expect(PrefixRegistry.NotAbove.selector, root, gs1);
        _suspend(gs1, root);

        _suspend(registrar, root);
        vm.assertFalse(registry.isActive(node), "all below a suspended root are inactive");
    }

    function test_a_suspended_parent_has_no_say() public {
        _suspend(gs1, parent);

        _expect(PrefixRegistry.NotAbove.selector, node, dairy);
        _suspend(dairy, node);
        vm.assertFalse(registry.isActive(node), "inactive with its parent");
        vm.assertTrue(registry.holder(node).status == PrefixRegistry.Status.Allocated, "itself untouched");
    }

    function test_a_step_needs_the_status_it_starts_from() public {
        _expect(PrefixRegistry.WrongStatus.selector, node, PrefixRegistry.Status.Allocated);
        vm.prank(dairy);
        registry.resume(node);
        _expect(PrefixRegistry.WrongStatus.selector, node, PrefixRegistry.Status.Allocated);
        _reallocate(dairy, node, dairy);

        _suspend(dairy, node);
        _expect(PrefixRegistry.WrongStatus.selector, node, PrefixRegistry.Status.Suspended);
        _suspend(dairy, node);

        _revoke(dairy, node);
        _expect(PrefixRegistry.WrongStatus.selector, node, PrefixRegistry.Status.Revoked);
        _revoke(dairy, node);
        _expect(PrefixRegistry.WrongStatus.selector, node, PrefixRegistry.Status.Revoked);
        vm.prank(dairy);
        registry.resume(node);
    }

    function test_a_prefix_that_was_never_allocated_cannot_be_touched() public {
        bytes32 free = _nodeOf("gs1", "999");
        _expect(PrefixRegistry.WrongStatus.selector, free, PrefixRegistry.Status.Free);
        _suspend(registrar, free);
        _expect(PrefixRegistry.WrongStatus.selector, free, PrefixRegistry.Status.Free);
        _reallocate(registrar, free, dairy);
        bytes32 passage = _nodeOf("gs1", "06");
        _expect(PrefixRegistry.WrongStatus.selector, passage, PrefixRegistry.Status.Passage);
        _revoke(registrar, passage);
    }

    function test_a_revoked_prefix_is_lost_to_its_owner() public {
        _expectNotice();
        emit PrefixRegistry.Revoked(node, dairy);
        _revoke(dairy, node);

        vm.assertFalse(registry.isActive(node), "active");
        _expect(PrefixRegistry.NotOwner.selector, node, fishery);
        vm.prank(fishery);
        registry.cancelTransfer(node);
        (bytes32 found,, address owner, bool active) = registry.resolve("gs1", "06141419");
        vm.assertEq(found, node);
        vm.assertEq(owner, fishery);
        vm.assertFalse(active, "active");
    }

    function test_a_revoked_prefix_gets_a_new_owner_who_starts_afresh() public {
        vm.prank(fishery);
        registry.setEndpoint(node, "https://fishery.example", "log");
        _delegate(fishery, node, scanner, type(uint64).max);
        vm.prank(fishery);
        registry.offerTransfer(node, stranger);
        _revoke(dairy, node);

        _expectNotice();
        emit PrefixRegistry.Reallocated(node, scanner, 2);
        _reallocate(dairy, node, scanner);

        PrefixRegistry.Holder memory holder = registry.holder(node);
        vm.assertEq(holder.owner, scanner);
        vm.assertEq(holder.offeredTo, address(0));
        vm.assertEq(holder.endpoint, "");
        vm.assertEq(holder.logId, 0);
        vm.assertEq(holder.term, 2);
        vm.assertTrue(holder.active, "active");
        vm.assertFalse(registry.isDelegate(node, scanner, "capture"), "old delegate");
    }

    function test_a_reallocation_needs_an_owner() public {
        _revoke(dairy, node);
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.OwnerMissing.selector));
        _reallocate(dairy, node, address(0));
    }

    function test_what_lies_below_a_revoked_prefix_waits_for_its_new_owner() public {
        _revoke(gs1, parent);
        vm.assertFalse(registry.isActive(node), "below a revoked prefix");

        _reallocate(gs1, parent, stranger);

        vm.assertTrue(registry.isActive(node), "below a reallocated prefix");
        vm.assertEq(registry.holder(node).owner, fishery);
    }

    function test_pausing_stops_giving_and_not_taking() public {
        _delegate(fishery, node, scanner, type(uint64).max);
        vm.prank(fishery);
        registry.offerTransfer(node, stranger);
        vm.prank(pauser);
        registry.pause();

        _checkGivingIsPaused();

        vm.prank(fishery);
        registry.revokeDelegate(node, scanner, "capture");
        vm.prank(fishery);
        registry.cancelTransfer(node);
        vm.prank(fishery);
        registry.withdrawEquivalence(node, _nodeOf("handle", ""));
        _suspend(dairy, node);
        _revoke(dairy, node);
        vm.assertEq(registry.holder(node).owner, fishery);

        vm.prank(pauser);
        registry.unpause();
        _reallocate(dairy, node, fishery);
    }

    function test_only_a_pauser_pauses_and_unpauses() public {
        _expectMissingRole(registrar, registry.PAUSER_ROLE());
        vm.prank(registrar);
        registry.pause();
        _expectMissingRole(registrar, registry.PAUSER_ROLE());
        vm.prank(registrar);
        registry.unpause();
    }

    function test_the_admin_starts_with_every_role() public view {
        vm.assertEq(registry.defaultAdmin(), admin);
        vm.assertTrue(registry.hasRole(registry.REGISTRAR_ROLE(), admin), "registrar");
        vm.assertTrue(registry.hasRole(registry.PAUSER_ROLE(), admin), "pauser");
    }

    function _checkSuspendsAndResumes(address by) private {
        _expectNotice();
        emit PrefixRegistry.Suspended(node, by);
        _suspend(by, node);
        vm.assertFalse(registry.isActive(node), "suspended");

        _expectNotice();
        emit PrefixRegistry.Resumed(node, by);
        vm.prank(by);
        registry.resume(node);
        vm.assertTrue(registry.isActive(node), "resumed");
    }

    function _checkGivingIsPaused() private {
        _expectPaused();
        _openScheme("oid", ".", dairy);
        _expectPaused();
        _allocate(gs1, "gs1", "9", dairy);
        _expectPaused();
        vm.prank(dairy);
        registry.resume(node);
        _expectPaused();
        _reallocate(dairy, node, dairy);
        _expectPaused();
        vm.prank(fishery);
        registry.setEndpoint(node, "", 0);
        _expectPaused();
        _delegate(fishery, node, scanner, type(uint64).max);
        _expectPaused();
        vm.prank(fishery);
        registry.offerTransfer(node, dairy);
        _expectPaused();
        vm.prank(stranger);
        registry.acceptTransfer(node);
        _expectPaused();
        _declare(fishery, node, _nodeOf("handle", ""));
    }

    function _expectPaused() private {
        vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
    }
}

contract OwnerTest is RegistryTest {
    uint64 private constant EXPIRES_AT = 2_000_000_000;

    bytes32 private node;
    bytes32 private other;

    function setUp() public override {
        super.setUp();
        node = _allocate(gs1, "gs1", "0614141", dairy);
        other = _allocate(handles, "handle", "88.118", fishery);
    }

    function test_an_owner_names_its_node_and_its_log() public {
        _expectNotice();
        emit PrefixRegistry.EndpointSet(node, "https://dairy.example/", "log");
        vm.prank(dairy);
        registry.setEndpoint(node, "https://dairy.example/", "log");

        vm.assertEq(registry.holder(node).endpoint, "https://dairy.example/");
        vm.assertEq(registry.holder(node).logId, "log");
    }

    function test_an_endpoint_is_short_and_visible() public {
        string memory tooLong = "";
        for (uint256 i = 0; i < 257; ++i) {
            tooLong = string.concat(tooLong, "x");
        }
        _checkEndpointIsRefused(tooLong);
        _checkEndpointIsRefused("https://dairy.example/ ");
        _checkEndpointIsRefused(unicode"https://milk.example/牛奶");
    }

    function test_a_delegate_acts_in_its_scope_until_it_expires() public {
        _expectNotice();
        emit PrefixRegistry.Delegated(node, scanner, "capture", EXPIRES_AT);
        _delegate(dairy, node, scanner, EXPIRES_AT);

        vm.assertTrue(registry.isDelegate(node, scanner, "capture"), "delegated");
        vm.assertFalse(registry.isDelegate(node, scanner, "anchor"), "other scope");
        vm.assertFalse(registry.isDelegate(node, stranger, "capture"), "other account");
        vm.assertFalse(registry.isDelegate(other, scanner, "capture"), "other node");
        vm.assertFalse(registry.isDelegate(node, dairy, "capture"), "the owner is no delegate");
        vm.warp(EXPIRES_AT - 1);
        vm.assertTrue(registry.isDelegate(node, scanner, "capture"), "last second");
        vm.warp(EXPIRES_AT);
        vm.assertFalse(registry.isDelegate(node, scanner, "capture"), "expired");
    }

    function test_a_delegation_must_end_in_the_future() public {
        vm.warp(EXPIRES_AT);
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.AlreadyExpired.selector, EXPIRES_AT));
        _delegate(dairy, node, scanner, EXPIRES_AT);
    }

    function test_an_owner_revokes_a_delegate() public {
        _delegate(dairy, node, scanner, EXPIRES_AT);

        _expectNotice();
        emit PrefixRegistry.DelegateRevoked(node, scanner, "capture");
        vm.prank(dairy);
        registry.revokeDelegate(node, scanner, "capture");

        vm.assertFalse(registry.isDelegate(node, scanner, "capture"), "revoked");
    }

    function test_delegates_of_a_suspended_prefix_rest() public {
        _delegate(dairy, node, scanner, EXPIRES_AT);
        _suspend(gs1, node);
        vm.assertFalse(registry.isDelegate(node, scanner, "capture"), "suspended");

        vm.prank(gs1);
        registry.resume(node);
        vm.assertTrue(registry.isDelegate(node, scanner, "capture"), "resumed");
    }

    function test_a_transfer_needs_the_offer_and_the_acceptance() public {
        _expectNotice();
        emit PrefixRegistry.TransferOffered(node, fishery);
        vm.prank(dairy);
        registry.offerTransfer(node, fishery);
        vm.assertEq(registry.holder(node).owner, dairy);
        vm.assertEq(registry.holder(node).offeredTo, fishery);

        _expect(PrefixRegistry.NotOffered.selector, node, stranger);
        vm.prank(stranger);
        registry.acceptTransfer(node);

        _expectNotice();
        emit PrefixRegistry.Transferred(node, dairy, fishery, 2);
        vm.prank(fishery);
        registry.acceptTransfer(node);
        vm.assertEq(registry.holder(node).owner, fishery);
        vm.assertEq(registry.holder(node).offeredTo, address(0));

        _expect(PrefixRegistry.NotOffered.selector, node, fishery);
        vm.prank(fishery);
        registry.acceptTransfer(node);
    }

    function test_a_cancelled_offer_cannot_be_accepted() public {
        vm.prank(dairy);
        registry.offerTransfer(node, fishery);
        _expectNotice();
        emit PrefixRegistry.TransferCancelled(node);
        vm.prank(dairy);
        registry.cancelTransfer(node);

        _expect(PrefixRegistry.NotOffered.selector, node, fishery);
        vm.prank(fishery);
        registry.acceptTransfer(node);
    }

    function test_nothing_is_offered_to_nobody() public {
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.OwnerMissing.selector));
        vm.prank(dairy);
        registry.offerTransfer(node, address(0));
    }

    function test_a_transfer_ends_what_the_old_owner_granted_and_keeps_the_endpoint() public {
        vm.prank(dairy);
        registry.setEndpoint(node, "https://dairy.example", "log");
        _delegate(dairy, node, scanner, EXPIRES_AT);
        _declare(dairy, node, other);
        _declare(fishery, other, node);

        _transfer(node, dairy, stranger);

        vm.assertFalse(registry.isDelegate(node, scanner, "capture"), "old delegate");
        vm.assertFalse(registry.areEquivalent(node, other), "old equivalence");
        vm.assertEq(registry.holder(node).endpoint, "https://dairy.example");

        _transfer(node, stranger, dairy);
        vm.assertFalse(registry.isDelegate(node, scanner, "capture"), "not back with the old owner");
    }

    function test_a_suspended_prefix_is_not_transferred() public {
        vm.prank(dairy);
        registry.offerTransfer(node, fishery);
        _suspend(gs1, node);

        _expect(PrefixRegistry.NotActive.selector, node);
        vm.prank(fishery);
        registry.acceptTransfer(node);
    }

    function test_two_prefixes_are_equivalent_once_both_owners_say_so() public {
        _expectNotice();
        emit PrefixRegistry.EquivalenceDeclared(node, other);
        _declare(dairy, node, other);
        vm.assertFalse(registry.areEquivalent(node, other), "one owner");

        _declare(fishery, other, node);
        vm.assertTrue(registry.areEquivalent(node, other), "both owners");
        vm.assertTrue(registry.areEquivalent(other, node), "in both directions");

        _expectNotice();
        emit PrefixRegistry.EquivalenceWithdrawn(other, node);
        vm.prank(fishery);
        registry.withdrawEquivalence(other, node);
        vm.assertFalse(registry.areEquivalent(node, other), "withdrawn");
    }

    function test_an_equivalence_ends_when_either_side_changes_hands() public {
        _declare(dairy, node, other);
        _declare(fishery, other, node);

        _transfer(other, fishery, stranger);
        _declare(stranger, other, node);
        vm.assertFalse(registry.areEquivalent(node, other), "the dairy agreed with the fishery only");

        _declare(dairy, node, other);
        vm.assertTrue(registry.areEquivalent(node, other), "agreed anew");
    }

    function test_an_equivalence_with_a_suspended_prefix_rests() public {
        _declare(dairy, node, other);
        _declare(fishery, other, node);
        _suspend(handles, other);
        vm.assertFalse(registry.areEquivalent(node, other), "suspended");
    }

    function test_prefixes_of_one_scheme_are_never_equivalent() public {
        bytes32 second = _allocate(gs1, "gs1", "9521321", dairy);
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.SameScheme.selector, node, second));
        _declare(dairy, node, second);
    }

    function test_nothing_is_equivalent_to_a_prefix_without_an_owner() public {
        bytes32 free = _nodeOf("handle", "99");
        _expect(PrefixRegistry.NotActive.selector, free);
        _declare(dairy, node, free);
    }

    function test_only_the_owner_acts_for_a_prefix() public {
        _delegate(dairy, node, scanner, EXPIRES_AT);
        // The owner of the parent, a delegate, the registrar and a stranger.
        address[4] memory others = [gs1, scanner, registrar, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            _checkCannotActAsOwner(others[i]);
        }
    }

    function test_the_owner_of_a_suspended_prefix_can_only_take_back() public {
        _delegate(dairy, node, scanner, EXPIRES_AT);
        _suspend(gs1, node);

        _expect(PrefixRegistry.NotActive.selector, node);
        vm.prank(dairy);
        registry.setEndpoint(node, "https://dairy.example", 0);
        _expect(PrefixRegistry.NotActive.selector, node);
        _delegate(dairy, node, scanner, EXPIRES_AT);
        _expect(PrefixRegistry.NotActive.selector, node);
        vm.prank(dairy);
        registry.offerTransfer(node, fishery);
        _expect(PrefixRegistry.NotActive.selector, node);
        _declare(dairy, node, other);

        vm.prank(dairy);
        registry.revokeDelegate(node, scanner, "capture");
    }

    function _checkEndpointIsRefused(string memory endpoint) private {
        vm.expectRevert(abi.encodeWithSelector(PrefixRegistry.EndpointInvalid.selector, endpoint));
        vm.prank(dairy);
        registry.setEndpoint(node, endpoint, 0);
    }

    function _checkCannotActAsOwner(address account) private {
        _expect(PrefixRegistry.NotOwner.selector, node, account);
        vm.prank(account);
        registry.setEndpoint(node, "https://other.example", 0);
        _expect(PrefixRegistry.NotOwner.selector, node, account);
        _delegate(account, node, account, EXPIRES_AT);
        _expect(PrefixRegistry.NotOwner.selector, node, account);
        vm.prank(account);
        registry.revokeDelegate(node, scanner, "capture");
        _expect(PrefixRegistry.NotOwner.selector, node, account);
        vm.prank(account);
        registry.offerTransfer(node, account);
        _expect(PrefixRegistry.NotOwner.selector, node, account);
        vm.prank(account);
        registry.cancelTransfer(node);
        _expect(PrefixRegistry.NotOwner.selector, node, account);
        _declare(account, node, other);
        _expect(PrefixRegistry.NotOwner.selector, node, account);
        vm.prank(account);
        registry.withdrawEquivalence(node, other);
    }
}
