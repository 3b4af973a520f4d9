package localstack

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that was started and is waited for.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; to be read when done is closed
}

// startProcess starts cmd in a process group of its own, as the account. The kernel ties a child's parent-death signal to the thread
// that started it, so that thread is held for as long as the child lives.
func startProcess(cmd *exec.Cmd, as *account) (*process, error) {
	cmd.SysProcAttr = attributes()
	if as != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// end asks the process to end with the signal, asks a second time with SIGQUIT, kills its group then, and returns when it has ended.
func (p *process) end(ask syscall.Signal) {
	for _, step := range []struct {
		signal   syscall.Signal
		patience time.Duration
	}{{ask, 15 * time.Second}, {syscall.SIGQUIT, 10 * time.Second}} {
		_ = p.cmd.Process.Signal(step.signal) // it fails only when the process is gone, which done tells
		patience := time.NewTimer(step.patience)
		select {
		case <-p.done:
			patience.Stop()
			return
		case <-patience.C:
		}
	}
	_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
	<-p.done
}
