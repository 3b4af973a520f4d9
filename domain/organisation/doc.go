// Package organisation is the aggregate whose books are kept: it is created, renamed and deleted.
//
// It is a pure decider. [Decide] tells which events a command leads to, [Evolve] what an event changes, [Events] how
// recorded ones are read. No I/O, no clock, no ids of its own making: times and ids come with the command.
package organisation
