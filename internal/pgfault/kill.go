package pgfault

import "os"

// KillSelf ends this process as nothing that it could do about it would: for Fault.Kill, in a process of a test's own. It does not return.
func KillSelf() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}
