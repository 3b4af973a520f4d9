// Package attempts reads the journal of failed attempts: what became of every delivery of an event that was not handled at its first, over all
// consumers, with errors and times. Subscriptions write it by themselves (subscribers.Config.NoAttempts turns that off), beside their work: it is for
// people who look for what has happened to an event, and nothing relies on it. An attempt may be missing from it, when the broker was out of reach, or
// more failed than could be told.
//
// The journal is the JetStream stream [Stream], which is made when the first attempt is told. It keeps attempts for a week, the last 64 of an event and a
// consumer, and 256 MiB of them.
package attempts
