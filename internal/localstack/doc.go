// Package localstack runs PostgreSQL and NATS JetStream on this machine, for `contrail demo` and for the tests: nothing to install
// where PostgreSQL's server programs are there already, nothing to configure, nothing left behind.
//
//   - [StartPostgres] makes a private cluster: its own folder, a free port on 127.0.0.1, a random password, no Unix socket. Root is not
//     allowed to run PostgreSQL, so as root the programs run as user postgres, or nobody.
//   - [StartNATS] runs nats-server inside this process, with JetStream.
//   - [Start] runs both, or uses those that the caller has already.
//
// A server lives until Close, whatever becomes of the context it was started with. The PostgreSQL processes are in a process group of
// their own, so Ctrl-C in a terminal reaches this program only, which then stops them in its own order. On Linux the kernel ends them
// when this process dies, even by SIGKILL; elsewhere they then stay, and their folder says that it is in use.
//
// It runs on Unix; Windows has neither the signals nor the file lock that it stands on.
package localstack
