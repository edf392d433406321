// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The part of forge's cheat codes that these tests use.
interface Vm {
    function assertEq(bool left, bool right) external pure;
    function assertEq(uint256 left, uint256 right) external pure;
    function assertEq(uint256 left, uint256 right, string calldata what) external pure;
    function assertEq(bytes32 left, bytes32 right) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata what) external pure;
    function assertEq(address left, address right) external pure;
    function assertEq(address left, address right, string calldata what) external pure;
    function assertEq(string calldata left, string calldata right) external pure;
    function assertTrue(bool condition, string calldata what) external pure;
    function assertFalse(bool condition, string calldata what) external pure;

    /// @notice The next call comes from `sender`.
    function prank(address sender) external;
    /// @notice The next call must revert with exactly these bytes.
    function expectRevert(bytes calldata revertData) external;
    /// @notice The next call must emit the notice that the test emits now, from this account.
    function expectEmit(address emitter) external;
    /// @notice Set the block time.
    function warp(uint256 timestamp) external;
    /// @notice Hand out coins.
    function deal(address account, uint256 balance) external;
    function chainId(uint256 id) external;
    /// @notice Record the gas of the newest call, a whole tx of its own, in `gas/<group>.json`, or compare it.
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    /// @notice Record a number in `gas/<group>.json`, or compare it.
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
}

/// @notice What every test contract has: the cheat codes, and one account for each role in the story.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal immutable admin = _account("admin");
    address internal immutable stranger = _account("stranger");

    function _account(string memory name) internal pure returns (address) {
        return address(uint160(uint256(keccak256(bytes(name)))));
    }

    /// @notice A number in [low, high] that depends on all of `random`.
    function _between(uint256 random, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + random % (high - low + 1);
    }
}
