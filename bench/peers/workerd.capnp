using Workerd = import "/workerd/workerd.capnp";

# The port is replaced on the command line: `--socket-addr http=127.0.0.1:PORT`.
const config :Workerd.Config = (
  services = [ (name = "main", worker = .loader) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ],
);

const loader :Workerd.Worker = (
  modules = [ (name = "workerd-loader.js", esModule = embed "workerd-loader.js") ],
  compatibilityDate = "2026-01-01",
  bindings = [ (name = "LOADER", workerLoader = (id = "loader")) ],
);
