// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {TraceLog} from "../src/TraceLog.sol";
import {DistinctLog} from "./ReferenceLog.sol";
import {Test} from "./Vm.sol";

contract TraceLogTest is Test, DistinctLog {
    uint48 private constant ADMIN_DELAY_SECONDS = 3 days;
    bytes32 private constant LOG = "log";
    bytes32 private constant OTHER_LOG = "other log";
    bytes32 private constant MAP_ROOT = "map root";

    address private immutable registrar = _account("registrar");
    address private immutable pauser = _account("pauser");
    address private immutable writer = _account("writer");
    address private immutable newWriter = _account("new writer");

    TraceLog private traceLog;
    bytes32[] private noProof;

    function setUp() public {
        traceLog = new TraceLog(admin, ADMIN_DELAY_SECONDS);
        _grant(traceLog.REGISTRAR_ROLE(), registrar);
        _grant(traceLog.PAUSER_ROLE(), pauser);
        vm.prank(registrar);
        traceLog.openLog(LOG, writer);
    }

    function test_a_registrar_opens_an_empty_log() public {
        vm.expectEmit(address(traceLog));
        emit TraceLog.LogOpened(OTHER_LOG, writer);
        vm.prank(registrar);
        traceLog.openLog(OTHER_LOG, writer);

        _checkHead(OTHER_LOG, 0, 0, 0, 0, writer);
    }

    function test_a_log_that_was_never_opened_has_no_writer_and_no_anchor() public view {
        _checkHead(OTHER_LOG, 0, 0, 0, 0, address(0));
        vm.assertEq(traceLog.anchorHash(OTHER_LOG, 1), 0);
    }

    function test_only_a_registrar_opens_logs() public {
        _expectMissingRole(writer, traceLog.REGISTRAR_ROLE());
        vm.prank(writer);
        traceLog.openLog(OTHER_LOG, writer);
    }

    function test_a_log_is_opened_once() public {
        vm.expectRevert(abi.encodeWithSelector(TraceLog.LogAlreadyOpen.selector, LOG));
        vm.prank(registrar);
        traceLog.openLog(LOG, newWriter);
    }

    function test_a_log_needs_a_writer() public {
        vm.expectRevert(abi.encodeWithSelector(TraceLog.WriterMissing.selector, OTHER_LOG));
        vm.prank(registrar);
        traceLog.openLog(OTHER_LOG, address(0));

        vm.expectRevert(abi.encodeWithSelector(TraceLog.WriterMissing.selector, LOG));
        vm.prank(registrar);
        traceLog.setWriter(LOG, address(0));
    }

    function test_a_new_writer_continues_where_the_old_one_stopped() public {
        bytes32 first = _anchor(LOG, 0, 3);

        vm.expectEmit(address(traceLog));
        emit TraceLog.WriterChanged(LOG, newWriter);
        vm.prank(registrar);
        traceLog.setWriter(LOG, newWriter);

        _refuse(
            abi.encodeWithSelector(TraceLog.NotWriter.selector, LOG, writer), first, 5, _proofBetween(3, 5)
        );
        _send(newWriter, LOG, first, 5, _rootOver(0, 5), _proofBetween(3, 5));
        _checkHead(LOG, 2, 5, _rootOver(0, 5), traceLog.anchorHash(LOG, 2), newWriter);
        vm.assertEq(traceLog.anchorHash(LOG, 1), first);
    }

    function test_only_a_registrar_changes_writers() public {
        _expectMissingRole(writer, traceLog.REGISTRAR_ROLE());
        vm.prank(writer);
        traceLog.setWriter(LOG, newWriter);
    }

    function test_a_log_that_is_not_open_cannot_change_writers() public {
        vm.expectRevert(abi.encodeWithSelector(TraceLog.LogNotOpen.selector, OTHER_LOG));
        vm.prank(registrar);
        traceLog.setWriter(OTHER_LOG, writer);
    }

    function test_the_first_anchor_needs_no_proof() public {
        bytes32 root = _rootOver(0, 10);
        bytes32 expected = _hashOf(LOG, 1, 0, 10, root);

        vm.expectEmit(address(traceLog));
        emit TraceLog.Anchored(LOG, 1, expected, 0, 10, root, MAP_ROOT);
        _send(writer, LOG, 0, 10, root, noProof);

        _checkHead(LOG, 1, 10, root, expected, writer);
        vm.assertEq(traceLog.anchorHash(LOG, 1), expected);
        vm.assertEq(traceLog.anchorHash(LOG, 2), 0);
    }

    function test_each_anchor_names_the_one_before_and_none_is_lost() public {
        uint64[5] memory sizes = [uint64(1), 2, 7, 8, 30];
        bytes32[] memory anchors = new bytes32[](6);
        uint64 size;
        for (uint32 number = 1; number <= 5; ++number) {
            bytes32 root = _rootOver(0, sizes[number - 1]);
            anchors[number] = _hashOf(LOG, number, anchors[number - 1], sizes[number - 1], root);
            vm.expectEmit(address(traceLog));
            emit TraceLog.Anchored(
                LOG, number, anchors[number], anchors[number - 1], sizes[number - 1], root, MAP_ROOT
            );
            _anchor(LOG, size, sizes[number - 1]);
            size = sizes[number - 1];
        }
        for (uint32 number = 0; number <= 5; ++number) {
            vm.assertEq(traceLog.anchorHash(LOG, number), anchors[number]);
        }
    }

    function test_the_same_anchor_differs_by_log_contract_and_chain() public {
        bytes32 anchored = _anchor(LOG, 0, 4);

        vm.prank(registrar);
        traceLog.openLog(OTHER_LOG, writer);
        vm.assertTrue(_anchor(OTHER_LOG, 0, 4) != anchored, "other log");

        setUp();
        vm.assertTrue(_anchor(LOG, 0, 4) != anchored, "other contract");

        vm.chainId(block.chainid + 1);
        vm.assertEq(_anchor(LOG, 4, 6), _hashOf(LOG, 2, traceLog.anchorHash(LOG, 1), 6, _rootOver(0, 6)));
    }

    function test_two_logs_grow_independently() public {
        vm.prank(registrar);
        traceLog.openLog(OTHER_LOG, newWriter);
        bytes32 first = _anchor(LOG, 0, 9);

        _send(newWriter, OTHER_LOG, 0, 2, _rootOver(0, 2), noProof);

        _checkHead(LOG, 1, 9, _rootOver(0, 9), first, writer);
    }

    function test_only_the_writer_anchors() public {
        _refuse(
            abi.encodeWithSelector(TraceLog.NotWriter.selector, LOG, registrar),
            registrar,
            LOG,
            0,
            1,
            _rootOver(0, 1),
            noProof
        );
    }

    function test_nobody_anchors_a_log_that_is_not_open() public {
        _refuse(
            abi.encodeWithSelector(TraceLog.NotWriter.selector, OTHER_LOG, writer),
            writer,
            OTHER_LOG,
            0,
            1,
            _rootOver(0, 1),
            noProof
        );
    }

    function test_a_tx_sent_twice_counts_once() public {
        bytes32 first = _anchor(LOG, 0, 3);
        bytes32 second = _anchor(LOG, 3, 5);

        _refuse(
            abi.encodeWithSelector(TraceLog.StaleAnchor.selector, second, first),
            first,
            5,
            _proofBetween(3, 5)
        );
    }

    function test_a_writer_that_knows_of_no_anchor_is_stale() public {
        bytes32 first = _anchor(LOG, 0, 3);

        _refuse(abi.encodeWithSelector(TraceLog.StaleAnchor.selector, first, 0), 0, 3, noProof);
    }

    function test_the_first_anchor_has_nothing_before_it() public {
        _refuse(
            abi.encodeWithSelector(TraceLog.StaleAnchor.selector, 0, bytes32("made up")),
            "made up",
            3,
            noProof
        );
    }

    function test_a_log_must_grow() public {
        _refuse(
            abi.encodeWithSelector(TraceLog.SizeNotGrown.selector, 0, 0),
            writer,
            LOG,
            0,
            0,
            sha256(""),
            noProof
        );

        bytes32 first = _anchor(LOG, 0, 8);
        for (uint64 size = 7; size <= 8; ++size) {
            _refuse(abi.encodeWithSelector(TraceLog.SizeNotGrown.selector, 8, size), first, size, noProof);
        }
    }

    function test_the_first_anchor_takes_no_proof() public {
        _refuse(abi.encodeWithSelector(TraceLog.NotConsistent.selector, LOG, 0, 3), 0, 3, _append(noProof, 0));
    }

    function test_a_rewritten_history_cannot_be_anchored() public {
        bytes32 first = _anchor(LOG, 0, 5);
        bytes32 rewrittenRoot = _rootOver(100, 108); // eight other leaves

        _refuse(
            abi.encodeWithSelector(TraceLog.NotConsistent.selector, LOG, 5, 8),
            writer,
            LOG,
            first,
            8,
            rewrittenRoot,
            _proofBetween(5, 8)
        );

        _checkHead(LOG, 1, 5, _rootOver(0, 5), first, writer);
    }

    function test_no_proof_is_no_continuation() public {
        bytes32 first = _anchor(LOG, 0, 5);

        _refuse(abi.encodeWithSelector(TraceLog.NotConsistent.selector, LOG, 5, 8), first, 8, noProof);
    }

    function test_a_proof_of_ten_thousand_nodes_is_refused() public {
        bytes32 first = _anchor(LOG, 0, 5);

        _refuse(
            abi.encodeWithSelector(TraceLog.NotConsistent.selector, LOG, 5, 8),
            first,
            8,
            new bytes32[](10_000)
        );
    }

    function test_fuzz_any_growth_is_anchored_and_any_wrong_node_refused(uint256 random) public {
        uint64 size;
        for (uint256 i = 0; i < 4; ++i) {
            random = uint256(keccak256(abi.encode(random)));
            uint64 grown = size + uint64(_between(random, 1, 40));
            if (size > 0) _checkWrongNodeIsRefused(size, grown, random >> 8);
            _anchor(LOG, size, grown);
            size = grown;
        }
    }

    function test_pausing_stops_writing_only() public {
        bytes32 first = _anchor(LOG, 0, 3);
        vm.prank(pauser);
        traceLog.pause();

        vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        vm.prank(registrar);
        traceLog.openLog(OTHER_LOG, writer);
        _refuse(abi.encodeWithSelector(Pausable.EnforcedPause.selector), first, 5, _proofBetween(3, 5));
        _checkHead(LOG, 1, 3, _rootOver(0, 3), first, writer);
        vm.assertEq(traceLog.anchorHash(LOG, 1), first);

        vm.prank(pauser);
        traceLog.unpause();
        _anchor(LOG, 3, 5);
    }

    function test_a_stolen_writer_key_is_replaced_while_paused() public {
        vm.prank(pauser);
        traceLog.pause();

        vm.prank(registrar);
        traceLog.setWriter(LOG, newWriter);

        _checkHead(LOG, 0, 0, 0, 0, newWriter);
    }

    function test_only_a_pauser_pauses_and_unpauses() public {
        _expectMissingRole(registrar, traceLog.PAUSER_ROLE());
        vm.prank(registrar);
        traceLog.pause();

        _expectMissingRole(registrar, traceLog.PAUSER_ROLE());
        vm.prank(registrar);
        traceLog.unpause();
    }

    function test_the_admin_starts_with_every_role_and_can_hand_them_on() public {
        vm.assertTrue(traceLog.hasRole(traceLog.DEFAULT_ADMIN_ROLE(), admin), "admin");
        vm.assertTrue(traceLog.hasRole(traceLog.REGISTRAR_ROLE(), admin), "registrar");
        vm.assertTrue(traceLog.hasRole(traceLog.PAUSER_ROLE(), admin), "pauser");

        bytes32 role = traceLog.REGISTRAR_ROLE();
        vm.prank(admin);
        traceLog.revokeRole(role, registrar);
        _expectMissingRole(registrar, role);
        vm.prank(registrar);
        traceLog.setWriter(LOG, newWriter);
    }

    function test_only_the_admin_hands_out_roles() public {
        bytes32 role = traceLog.REGISTRAR_ROLE();
        _expectMissingRole(registrar, traceLog.DEFAULT_ADMIN_ROLE());
        vm.prank(registrar);
        traceLog.grantRole(role, stranger);
    }

    function test_the_admin_role_moves_in_two_steps_with_a_delay() public {
        vm.prank(admin);
        traceLog.beginDefaultAdminTransfer(newWriter);
        uint48 ready = uint48(block.timestamp) + ADMIN_DELAY_SECONDS;

        vm.warp(ready);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminDelay.selector, ready
            )
        );
        vm.prank(newWriter);
        traceLog.acceptDefaultAdminTransfer();

        vm.warp(ready + 1);
        vm.prank(newWriter);
        traceLog.acceptDefaultAdminTransfer();
        vm.assertEq(traceLog.defaultAdmin(), newWriter);
    }

    function test_coins_are_refused() public {
        vm.deal(address(this), 1 ether);
        (bool sent,) = address(traceLog).call{value: 1}("");
        vm.assertFalse(sent, "coins sent");
    }

    function _checkWrongNodeIsRefused(uint64 size, uint64 grown, uint256 random) private {
        bytes32[] memory proof = _proofBetween(size, grown);
        proof[random % proof.length] ^= bytes32(1 << ((random >> 8) % 256));
        (,,, bytes32 newest,) = traceLog.head(LOG);
        _refuse(
            abi.encodeWithSelector(TraceLog.NotConsistent.selector, LOG, size, grown), newest, grown, proof
        );
    }

    /// @dev Anchor the true log of `size` leaves after the one of `before`, and return the anchor's hash.
    function _anchor(bytes32 logId, uint64 before, uint64 size) private returns (bytes32 newest) {
        (,,, newest,) = traceLog.head(logId);
        _send(
            writer,
            logId,
            newest,
            size,
            _rootOver(0, size),
            before == 0 ? noProof : _proofBetween(before, size)
        );
        (,,, newest,) = traceLog.head(logId);
    }

    function _send(
        address sender,
        bytes32 logId,
        bytes32 previous,
        uint64 size,
        bytes32 logRoot,
        bytes32[] memory proof
    ) private {
        vm.prank(sender);
        traceLog.anchor(logId, previous, size, logRoot, MAP_ROOT, proof);
    }

    /// @dev The writer anchors a true root, and that must revert with `reason`.
    function _refuse(bytes memory reason, bytes32 previous, uint64 size, bytes32[] memory proof) private {
        _refuse(reason, writer, LOG, previous, size, _rootOver(0, size), proof);
    }

    /// @dev `proof` is made before the call that must revert, since making it calls the SHA-256 precompile.
    function _refuse(
        bytes memory reason,
        address sender,
        bytes32 logId,
        bytes32 previous,
        uint64 size,
        bytes32 logRoot,
        bytes32[] memory proof
    ) private {
        vm.expectRevert(reason);
        _send(sender, logId, previous, size, logRoot, proof);
    }

    function _hashOf(bytes32 logId, uint256 number, bytes32 previous, uint256 size, bytes32 logRoot)
        private
        view
        returns (bytes32)
    {
        bytes memory words = bytes.concat(
            bytes32(block.chainid), bytes32(uint256(uint160(address(traceLog)))), logId, bytes32(number)
        );
        return keccak256(bytes.concat(words, previous, bytes32(size), logRoot, MAP_ROOT));
    }

    function _checkHead(
        bytes32 logId,
        uint256 count,
        uint256 size,
        bytes32 logRoot,
        bytes32 newest,
        address logWriter
    ) private view {
        (uint32 headCount, uint64 headSize, bytes32 headRoot, bytes32 headNewest, address headWriter) =
            traceLog.head(logId);
        vm.assertEq(headCount, count, "count");
        vm.assertEq(headSize, size, "size");
        vm.assertEq(headRoot, logRoot, "log root");
        vm.assertEq(headNewest, newest, "newest anchor");
        vm.assertEq(headWriter, logWriter, "writer");
    }

    function _grant(bytes32 role, address account) private {
        vm.prank(admin);
        traceLog.grantRole(role, account);
    }

    function _expectMissingRole(address account, bytes32 role) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, account, role)
        );
    }
}
