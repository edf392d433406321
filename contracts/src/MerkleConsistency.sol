// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title MerkleConsistency
/// @notice Tells whether a Merkle log begins with an earlier state of itself (RFC 9162 section 2.1.4.2,
/// SHA-256).
library MerkleConsistency {
    /// @notice Whether the log of `newSize` leaves and root `newRoot` begins with the `oldSize` leaves under
    /// `oldRoot`.
    /// @dev False for every proof but the one of RFC 9162 section 2.1.4.1: a node too many, too few or
    /// changed is refused, and so are sizes that do not grow or start at 0, where RFC 9162 defines no proof.
    /// A root does not tell its size: the root of 3 leaves passes for one of 4, whose proof has the same shape.
    /// The loops end after at most 64 steps, since each one halves `last`.
    function verify(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) internal view returns (bool) {
        if (oldSize == 0 || oldSize >= newSize || proof.length == 0) return false;

        // Position of the last old leaf and of the last new leaf, level by level on the way up to the root.
        uint256 position = oldSize - 1;
        uint256 last = newSize - 1;
        while (position & 1 == 1) {
            position >>= 1;
            last >>= 1;
        }

        // The climb starts at the largest complete subtree that ends with the last old leaf. When that is the
        // whole old log, its root is already known and the proof does not repeat it.
        bool oldIsComplete = position == 0;
        bytes32 fromOld = oldIsComplete ? oldRoot : proof[0];
        bytes32 fromNew = fromOld;

        for (uint256 i = oldIsComplete ? 0 : 1; i < proof.length; ++i) {
            if (last == 0) return false;
            bytes32 node = proof[i];
            if (position & 1 == 1 || position == last) {
                // A node to the left: both logs hold it.
                fromOld = _hashNode(node, fromOld);
                fromNew = _hashNode(node, fromNew);
                while (position & 1 == 0 && position != 0) {
                    position >>= 1;
                    last >>= 1;
                }
            } else {
                // A node to the right: only the new log holds it.
                fromNew = _hashNode(fromNew, node);
            }
            position >>= 1;
            last >>= 1;
        }
        return last == 0 && fromOld == oldRoot && fromNew == newRoot;
    }

    /// @dev RFC 9162 section 2.1.1: HASH(0x01 || left || right). The same as
    /// sha256(abi.encodePacked(bytes1(0x01), left, right)), which copies its input twice: an anchor at a
    /// million events costs 107,900 gas with that and 91,200 with this, the only assembly in these contracts.
    function _hashNode(bytes32 left, bytes32 right) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let input := mload(0x40) // free memory, left free
            mstore8(input, 0x01)
            mstore(add(input, 1), left)
            mstore(add(input, 33), right)
            let done := staticcall(gas(), 0x02, input, 65, 0x00, 32) // the SHA-256 precompile
            // Without gas, or on a chain without the precompile, there is no hash to go on with.
            if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
            hash := mload(0x00)
        }
    }
}
