// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PrefixRegistry} from "../src/PrefixRegistry.sol";
import {TraceLog} from "../src/TraceLog.sol";
import {UniformLog} from "./ReferenceLog.sol";
import {Test} from "./Vm.sol";

/// @notice Gas of whole txs (21,000 and call data included), held against `gas/*.json`.
/// @dev Needs `isolate` in `foundry.toml`, which makes every call of a test a tx of its own.
contract GasTest is Test, UniformLog {
    bytes32 private constant MAP_ROOT = keccak256("map root");

    TraceLog private traceLog;
    PrefixRegistry private registry;

    function setUp() public {
        traceLog = new TraceLog(address(this), 0);
        registry = new PrefixRegistry(address(this), 0);
    }

    function test_gas_of_opening_a_log() public {
        traceLog.openLog("log", address(this));
        _record("TraceLog", "openLog");
        traceLog.setWriter("log", stranger);
        _record("TraceLog", "setWriter");
    }

    function test_gas_of_the_first_anchor() public {
        traceLog.openLog("log", address(this));
        traceLog.anchor("log", 0, 1000, _rootOver(0, 1000), MAP_ROOT, new bytes32[](0));
        _record("TraceLog", "anchor, the first of a log");
    }

    /// @dev Sizes whose proofs are nearly the longest possible. The number of new events does not matter otherwise.
    function test_gas_of_an_anchor_hardly_grows_with_the_log() public {
        _recordAnchor("anchor at 1,000 events", 901, 1000);
        _recordAnchor("anchor at 1,000,000 events", 999_001, 1_000_000);
        _recordAnchor("anchor at 1,048,576 events, the costliest below 2 million", 1_048_575, 1_048_576);
        _recordAnchor("anchor at 100,000,000 events", 99_990_001, 100_000_000);
        _recordAnchor("anchor at 15,000,000,000 events", 14_999_990_001, 15_000_000_000);
    }

    function test_gas_of_allocating_prefixes() public {
        registry.openScheme("gs1", 0, address(this));
        _record("PrefixRegistry", "openScheme");
        registry.allocate("gs1", "0614141", address(this));
        _record("PrefixRegistry", "allocate 7 digits below the root, 6 new passages");
        registry.allocate("gs1", "0614142", address(this));
        _record("PrefixRegistry", "allocate 7 digits below the root, its neighbour");
        registry.openScheme("handle", ".", address(this));
        registry.allocate("handle", "88", address(this));
        _record("PrefixRegistry", "allocate 88 below the root");
        registry.allocate("handle", "88.118", address(this));
        registry.allocate("handle", "88.118.1001", address(this));
        _record("PrefixRegistry", "allocate 88.118.1001 below 88.118");
    }

    function test_gas_of_owning_a_prefix() public {
        bytes32 root = registry.openScheme("gs1", 0, address(this));
        registry.setEndpoint(root, "https://node.example.org/", "log");
        _record("PrefixRegistry", "setEndpoint");
        registry.delegate(root, stranger, "capture", type(uint64).max);
        _record("PrefixRegistry", "delegate");
        registry.revokeDelegate(root, stranger, "capture");
        _record("PrefixRegistry", "revokeDelegate");
        registry.offerTransfer(root, address(this));
        _record("PrefixRegistry", "offerTransfer");
        registry.acceptTransfer(root);
        _record("PrefixRegistry", "acceptTransfer");
        registry.declareEquivalence(root, registry.openScheme("handle", ".", address(this)));
        _record("PrefixRegistry", "declareEquivalence");
    }

    function test_gas_of_suspending_and_revoking() public {
        bytes32 root = registry.openScheme("gs1", 0, address(this));
        registry.suspend(root);
        _record("PrefixRegistry", "suspend");
        registry.resume(root);
        _record("PrefixRegistry", "resume");
        registry.revoke(root);
        _record("PrefixRegistry", "revoke");
        registry.reallocate(root, stranger);
        _record("PrefixRegistry", "reallocate");
    }

    function test_size_of_the_code() public {
        vm.snapshotValue("TraceLog", "bytes of code", address(traceLog).code.length);
        vm.snapshotValue("PrefixRegistry", "bytes of code", address(registry).code.length);
    }

    function _recordAnchor(string memory name, uint64 oldSize, uint64 newSize) private {
        bytes32 logId = keccak256(bytes(name));
        traceLog.openLog(logId, address(this));
        traceLog.anchor(logId, 0, oldSize, _rootOver(0, oldSize), MAP_ROOT, new bytes32[](0));
        (bytes32 previous, bytes32 root) = (traceLog.anchorHash(logId, 1), _rootOver(0, newSize));
        traceLog.anchor(logId, previous, newSize, root, MAP_ROOT, _proofBetween(oldSize, newSize));
        _record("TraceLog", name);
    }

    function _record(string memory group, string memory name) private {
        vm.snapshotGasLastCall(group, name);
    }
}
