// Package contact is the aggregate whom invoices are written to: a person with an e-mail address, of one organisation.
//
// It is a pure decider. [Decide] tells which events a command leads to, [Evolve] what an event changes, [Events] how
// recorded ones are read. No I/O, no clock, no ids of its own making: times and ids come with the command.
//
// The event bodies, fixed by the programs that read them, don't name the organisation. ContactCreated carries it in its
// metadata, as [KeyOrganisationID]: [Created.EventMetadata] gives it to whoever appends the event, [Created.WithEventMetadata] takes it back.
package contact
