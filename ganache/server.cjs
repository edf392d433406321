// Serves one Ganache chain on 127.0.0.1 until standard input closes.
//
// Options arrive as one line of JSON on standard input, so that private keys never stand on a
// command line. One line of JSON goes back on standard output: {"port": 8545}, or {"error": "..."}.
// Our parent holds the other end of standard input: when it dies, however it dies, the pipe closes
// and we end with it.
"use strict";

const ganache = require("ganache");

let server = null;

function answer(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

function fail(error) {
  console.error(error.stack);
  answer({ error: error.code || error.message });
  process.exit(1);
}

async function serve({ port, chainId, dataDir, keys, balanceWei }) {
  server = ganache.server({
    logging: { quiet: true },
    chain: { chainId, networkId: chainId, hardfork: "shanghai" },
    database: { dbPath: dataDir },
    wallet: { accounts: keys.map((secretKey) => ({ secretKey, balance: balanceWei })) },
    miner: { instamine: "eager" }, // "strict" forgets acknowledged txs
  });
  await server.listen(port, "127.0.0.1");
  answer({ port: server.address().port });
}

async function stop() {
  try {
    if (server) await server.close();
  } finally {
    process.exit(0);
  }
}

process.on("uncaughtException", fail); // a locked database ends up here
process.on("unhandledRejection", fail);
let options = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  if (options.endsWith("\n")) return;
  options += text;
  if (options.endsWith("\n")) serve(JSON.parse(options)).catch(fail);
});
process.stdin.on("end", stop);
process.stdin.on("error", stop);
