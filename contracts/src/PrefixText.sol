// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title PrefixText
/// @notice Where the levels of a prefix begin and end, and which texts are allowed.
/// @dev A separator of 0 makes every character a level of its own, as in GS1 prefixes: "06" lies above
/// "0614141". Otherwise levels stand between separators, as in Handle prefixes: "88" lies above "88.118", and
/// not above "881".
library PrefixText {
    uint256 internal constant LENGTH_MAX = 64;

    /// @notice Whether `text` is 1 to 64 visible ASCII characters, with no empty level in it.
    function isValid(bytes calldata text, bytes1 separator) internal pure returns (bool) {
        if (!isVisible(text, LENGTH_MAX) || text.length == 0) return false;
        if (separator == 0) return true;

        bytes1 before = separator;
        for (uint256 i = 0; i < text.length; ++i) {
            if (before == separator && text[i] == separator) return false;
            before = text[i];
        }
        return before != separator;
    }

    /// @notice Whether `text` has at most `lengthMax` characters, all of them visible ASCII: none that look
    /// like others.
    function isVisible(bytes calldata text, uint256 lengthMax) internal pure returns (bool) {
        if (text.length > lengthMax) return false;
        for (uint256 i = 0; i < text.length; ++i) {
            if (text[i] < 0x21 || text[i] > 0x7e) return false;
        }
        return true;
    }

    /// @notice Whether a level of `text` ends after its first `length` characters. The root (length 0) counts
    /// as one.
    function endsLevel(bytes calldata text, uint256 length, bytes1 separator) internal pure returns (bool) {
        return length == 0 || length == text.length || separator == 0 || text[length] == separator;
    }
}
