// Package load appends events at a given rate, follows each to a subscriber, and tells how long every part of the way took and whether all arrived:
// once, and in the order of their streams. It is what `contrail load` runs.
//
// # What is timed
//
//   - Append: from when the event was due to the return of the commit.
//   - Publish: from there until the broker took it, by the message's own timestamp.
//   - Handle: from the return of the commit to the call of the handler.
//   - End to end: from when the event was due to the call of the handler.
//
// # Why from when it was due
//
// The schedule is open: an event is due at its time whether those before it are done or not, and what it waits because they are not counts. A loop that
// appends the next event when the last one is done, and times each from there, leaves out just those events that a stall would have kept waiting, which is
// known as coordinated omission. HdrHistogram's documentation ("Corrected vs. Raw value recording calls") puts such values back by calculation, for scenarios
// "where response times may exceed the expected interval between issuing requests, leading to 'dropped' response time measurements that would typically
// correlate with 'bad' results". Here the wait itself is measured, so there is nothing to put back.
//
// With a rate of zero nothing is due, and an event is timed from when a writer turns to it: such figures say what the way can carry, not what somebody would
// wait on it.
//
// # Memory
//
// It is bounded, however long a run is: a histogram has a fixed size, the throughput is kept in intervals that grow longer, and what is on its way is at most
// Config.Outstanding events, beyond which appending waits; where there is a rate the wait counts.
package load
