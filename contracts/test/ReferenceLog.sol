// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The slow definitions of RFC 9162 section 2.1, word by word, to hold the contract against.
abstract contract ReferenceLog {
    /// @notice Tree head over leaves [start, stop): MTH of section 2.1.1.
    function _rootOver(uint256 start, uint256 stop) internal view virtual returns (bytes32);

    /// @notice PROOF(oldSize, D[newSize]) of section 2.1.4.1.
    function _proofBetween(uint256 oldSize, uint256 newSize) internal view returns (bytes32[] memory) {
        return _subproof(oldSize, 0, newSize, true);
    }

    /// @dev SUBPROOF(m, D[start:stop], complete); `m` counts from `start`.
    function _subproof(uint256 m, uint256 start, uint256 stop, bool complete)
        private
        view
        returns (bytes32[] memory)
    {
        uint256 count = stop - start;
        if (m == count) {
            return complete ? new bytes32[](0) : _append(new bytes32[](0), _rootOver(start, stop));
        }
        uint256 k = _split(count);
        if (m <= k) return _append(_subproof(m, start, start + k, complete), _rootOver(start + k, stop));
        return _append(_subproof(m - k, start + k, stop, false), _rootOver(start, start + k));
    }

    /// @notice The largest power of two below `count`.
    function _split(uint256 count) internal pure returns (uint256 k) {
        k = 1;
        while (2 * k < count) k *= 2;
    }

    function _leaf(bytes memory entry) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"00", entry));
    }

    function _node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"01", left, right));
    }

    /// @notice `nodes` with one more at its end.
    function _append(bytes32[] memory nodes, bytes32 node) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](nodes.length + 1);
        for (uint256 i = 0; i < nodes.length; ++i) {
            longer[i] = nodes[i];
        }
        longer[nodes.length] = node;
    }

    /// @notice `nodes` without the one at `index`.
    function _without(bytes32[] memory nodes, uint256 index)
        internal
        pure
        returns (bytes32[] memory shorter)
    {
        shorter = new bytes32[](nodes.length - 1);
        for (uint256 i = 0; i < shorter.length; ++i) {
            shorter[i] = nodes[i < index ? i : i + 1];
        }
    }
}

/// @notice A log in which every leaf differs. Costs a hash for each leaf.
abstract contract DistinctLog is ReferenceLog {
    function _rootOver(uint256 start, uint256 stop) internal view virtual override returns (bytes32) {
        if (stop - start == 1) return _leaf(_entry(start));
        uint256 middle = start + _split(stop - start);
        return _node(_rootOver(start, middle), _rootOver(middle, stop));
    }

    function _entry(uint256 index) internal view virtual returns (bytes memory) {
        return abi.encode("entry", index);
    }
}

/// @notice A log in which all leaves are the same, so that the tree head over billions of them costs 64 hashes.
abstract contract UniformLog is ReferenceLog {
    function _rootOver(uint256 start, uint256 stop) internal pure override returns (bytes32 root) {
        uint256 count = stop - start;
        bytes32 complete = _leaf("same"); // over 2^level leaves
        for (uint256 level = 0; count >> level != 0; ++level) {
            if ((count >> level) & 1 == 1) root = root == 0 ? complete : _node(complete, root);
            complete = _node(complete, complete);
        }
    }
}
