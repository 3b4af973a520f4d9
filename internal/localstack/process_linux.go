package localstack

import "syscall"

// attributes put a child into a process group of its own, and have the kernel stop it when we die: SIGINT ends initdb, which then
// removes what it made, and is PostgreSQL's fast shutdown.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
}
