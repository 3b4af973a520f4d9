// Package doctor examines a PostgreSQL event store and the NATS JetStream that it is relayed into, and tells what endangers Contrail's promises:
// settings, rights, state and those who are missing.
//
//	doctor, err := doctor.New(pool, js, doctor.Config{})
//	findings, err := doctor.Run(ctx)
//
// A check is one subject, in a file of its own. It changes nothing, asks only what costs little at any number of events, and has a bound on its
// time. One that can't be made, for want of a right, a server or an answer, says so in a note and keeps no other from being made.
package doctor
