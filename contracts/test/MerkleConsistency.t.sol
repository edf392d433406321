// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleConsistency} from "../src/MerkleConsistency.sol";
import {DistinctLog, ReferenceLog, UniformLog} from "./ReferenceLog.sol";
import {Test} from "./Vm.sol";

/// @notice What both logs, the small distinct and the large uniform one, are tested for.
abstract contract ConsistencyTest is Test, ReferenceLog {
    /// @dev External, so that the proof arrives as call data.
    function verify(
        uint256 oldSize,
        bytes32 oldRoot,
        uint256 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) external view returns (bool) {
        return MerkleConsistency.verify(uint64(oldSize), oldRoot, uint64(newSize), newRoot, proof);
    }

    function _accepts(uint256 oldSize, uint256 newSize, bytes32[] memory proof) internal view returns (bool) {
        return this.verify(oldSize, _rootOver(0, oldSize), newSize, _rootOver(0, newSize), proof);
    }

    function _checkCorruptionsAreRefused(uint256 oldSize, uint256 newSize, bytes32 noise) internal view {
        bytes32[] memory proof = _proofBetween(oldSize, newSize);
        (bytes32 oldRoot, bytes32 newRoot) = (_rootOver(0, oldSize), _rootOver(0, newSize));

        vm.assertFalse(this.verify(oldSize, oldRoot ^ noise, newSize, newRoot, proof), "other old root");
        vm.assertFalse(this.verify(oldSize, oldRoot, newSize, newRoot ^ noise, proof), "other new root");
        vm.assertFalse(this.verify(oldSize, newRoot, newSize, oldRoot, proof), "roots swapped");
        vm.assertFalse(this.verify(newSize, newRoot, oldSize, oldRoot, proof), "shrunk");
        vm.assertFalse(this.verify(0, oldRoot, newSize, newRoot, proof), "from nothing");
        vm.assertFalse(_accepts(oldSize, newSize, _append(proof, noise)), "a node more at the end");
        vm.assertFalse(_accepts(oldSize, newSize, _append(proof, 0)), "a zero node more at the end");
        vm.assertFalse(_accepts(oldSize, newSize, new bytes32[](0)), "no proof");
        vm.assertFalse(_accepts(oldSize, newSize, new bytes32[](200)), "200 zeros");
        _checkStoreysAreCounted(oldSize, newSize, proof, noise);
        for (uint256 i = 0; i < proof.length; ++i) {
            vm.assertFalse(_accepts(oldSize, newSize, _without(proof, i)), "a node less");
            proof[i] ^= noise;
            vm.assertFalse(_accepts(oldSize, newSize, proof), "a node changed");
            proof[i] ^= noise;
        }
        vm.assertTrue(_accepts(oldSize, newSize, proof), "the proof itself");
    }

    /// @dev The two corruptions under which both roots still come out right.
    function _checkStoreysAreCounted(uint256 oldSize, uint256 newSize, bytes32[] memory proof, bytes32 noise)
        private
        view
    {
        (bytes32 oldRoot, bytes32 newRoot) = (_rootOver(0, oldSize), _rootOver(0, newSize));
        if (newSize <= type(uint64).max / 4) {
            vm.assertFalse(
                this.verify(oldSize, oldRoot, 4 * newSize, newRoot, proof), "a size of more levels"
            );
        }
        bytes32[] memory taller = _append(proof, noise);
        (oldRoot, newRoot) = (_node(noise, oldRoot), _node(noise, newRoot));
        vm.assertFalse(this.verify(oldSize, oldRoot, newSize, newRoot, taller), "a storey more on top");
    }
}

contract SmallLogsTest is ConsistencyTest, DistinctLog {
    uint256 private _rewrittenFrom = type(uint256).max;

    function _entry(uint256 index) internal view override returns (bytes memory) {
        return abi.encode(index < _rewrittenFrom ? "entry" : "rewritten", index);
    }

    function test_every_growth_up_to_32_leaves_is_accepted() public view {
        for (uint256 newSize = 2; newSize <= 32; ++newSize) {
            for (uint256 oldSize = 1; oldSize < newSize; ++oldSize) {
                vm.assertTrue(_accepts(oldSize, newSize, _proofBetween(oldSize, newSize)), "a true proof");
            }
        }
    }

    function test_every_corruption_up_to_12_leaves_is_refused() public view {
        for (uint256 newSize = 2; newSize <= 12; ++newSize) {
            for (uint256 oldSize = 1; oldSize < newSize; ++oldSize) {
                _checkCorruptionsAreRefused(oldSize, newSize, bytes32(uint256(1)));
            }
        }
    }

    function test_a_proof_for_other_sizes_is_refused() public view {
        for (uint256 newSize = 2; newSize <= 10; ++newSize) {
            for (uint256 oldSize = 1; oldSize < newSize; ++oldSize) {
                _checkOtherSizesAreRefused(oldSize, newSize);
            }
        }
    }

    function test_no_proof_joins_a_log_to_itself() public view {
        vm.assertFalse(_accepts(7, 7, new bytes32[](0)), "nothing to prove");
        vm.assertFalse(_accepts(7, 7, _append(new bytes32[](0), _rootOver(0, 7))), "its own root");
    }

    function test_fuzz_growth_is_accepted_and_corruption_refused(uint256 a, uint256 b, bytes32 noise)
        public
        view
    {
        uint256 newSize = _between(a, 2, 150);
        if (noise == 0) noise = bytes32(uint256(1));
        _checkCorruptionsAreRefused(_between(b, 1, newSize - 1), newSize, noise);
    }

    function test_fuzz_a_rewritten_log_has_no_proof(uint256 a, uint256 b, uint256 c) public {
        uint256 newSize = _between(a, 2, 150);
        uint256 oldSize = _between(b, 1, newSize - 1);
        bytes32 anchored = _rootOver(0, oldSize);

        _rewrittenFrom = _between(c, 0, oldSize - 1);
        bytes32[] memory proof = _proofBetween(oldSize, newSize);

        vm.assertFalse(this.verify(oldSize, anchored, newSize, _rootOver(0, newSize), proof), "rewritten");
    }

    /// @dev A proof may fit the tree shape of other sizes; the roots of those sizes then differ.
    function _checkOtherSizesAreRefused(uint256 oldSize, uint256 newSize) private view {
        bytes32[] memory proof = _proofBetween(oldSize, newSize);
        for (uint256 otherNew = 2; otherNew <= 10; ++otherNew) {
            for (uint256 otherOld = 1; otherOld < otherNew; ++otherOld) {
                if (otherOld == oldSize && otherNew == newSize) continue;
                vm.assertFalse(_accepts(otherOld, otherNew, proof), "other sizes");
            }
        }
    }
}

contract LargeLogsTest is ConsistencyTest, UniformLog {
    function test_the_largest_sizes_are_accepted() public view {
        uint256 max = type(uint64).max;
        vm.assertTrue(_accepts(1, max, _proofBetween(1, max)), "1 to 2^64 - 1");
        vm.assertTrue(_accepts(max - 1, max, _proofBetween(max - 1, max)), "2^64 - 2 to 2^64 - 1");
        vm.assertTrue(_accepts(1 << 63, max, _proofBetween(1 << 63, max)), "2^63 to 2^64 - 1");
        vm.assertTrue(_accepts((1 << 63) - 1, max, _proofBetween((1 << 63) - 1, max)), "2^63 - 1 to 2^64 - 1");
    }

    function test_fuzz_growth_is_accepted_and_corruption_refused(uint64 a, uint64 b, bytes32 noise)
        public
        view
    {
        (uint256 oldSize, uint256 newSize) = a < b ? (a, b) : (b, a);
        if (oldSize == 0) oldSize = 1;
        if (newSize <= oldSize) newSize = oldSize + 1;
        if (newSize > type(uint64).max) return;
        if (noise == 0) noise = bytes32(uint256(1));
        _checkCorruptionsAreRefused(oldSize, newSize, noise);
    }
}
