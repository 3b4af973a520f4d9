//go:build unix && !linux

package localstack

import "syscall"

// attributes put a child into a process group of its own. There is no signal for a parent's death here: see the package comment.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
