package steps

// Status is how a run stands.
type Status string

// The first five are those of runs that have not ended.
const (
	Ready        Status = "ready"        // goes on as soon as it is due, or is being performed
	Waiting      Status = "waiting"      // likewise; a step has asked for the delay
	Cancelling   Status = "cancelling"   // likewise; somebody has cancelled it, and what its steps have done is to be undone
	Compensating Status = "compensating" // a step has failed for good, or the run was cancelled: its steps are undone, the last one first
	Halted       Status = "halted"       // a person must look

	Finished  Status = "finished"  // all steps have succeeded
	Failed    Status = "failed"    // a step has failed for good, and what could be undone is
	Cancelled Status = "cancelled" // somebody has decided so, and what could be undone is
)

// Ended tells whether nothing happens to the run any more.
func (s Status) Ended() bool { return s == Finished || s == Failed || s == Cancelled }
