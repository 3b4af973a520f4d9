package api

import (
	"sync/atomic"
	"time"
)

// tellEvery is how often the log tells of what goes wrong with all requests alike, which would say the same thousands of times a second.
const tellEvery = 10 * time.Second

// occasionally remembers when the log told of one such thing. The zero value says that it has not yet.
type occasionally struct{ told atomic.Int64 } // Unix time in nanoseconds

// tell says whether it is time to tell, to one caller.
func (o *occasionally) tell(now time.Time) bool {
	last := o.told.Load()
	return now.UnixNano()-last >= int64(tellEvery) && o.told.CompareAndSwap(last, now.UnixNano())
}
