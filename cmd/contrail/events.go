package main

import "github.com/contrail-events/contrail/eventstore"

// eventsVerb looks at the events of a store, and moves them in and out.
type eventsVerb struct {
	List   eventsListVerb   `cmd:"" help:"List events: the last ones, or those of a stream, a category, a type, a time."`
	Show   eventsShowVerb   `cmd:"" help:"Show one event with all that it says."`
	Append eventsAppendVerb `cmd:"" help:"Append an event, or several at once."`
	Import eventsImportVerb `cmd:"" help:"Append the events of a file of JSON lines."`
	Export eventsExportVerb `cmd:"" help:"Write events to a file, as JSON lines."`
	Tail   eventsTailVerb   `cmd:"" help:"Follow the events as they come, until a signal does."`
}

// sizeFlag bounds what a verb puts into the store.
type sizeFlag struct {
	MaxEventBytes int `default:"524288" help:"How many bytes the data and metadata of an event may have; as in the eventstore.Config of your services."`
}

// newStore is the store that these verbs work with; given keys it reads what is encrypted.
func (f keysFlag) newStore() (*eventstore.Store, error) {
	keys, err := f.keyring()
	if err != nil {
		return nil, err
	}
	return eventstore.New(eventstore.Config{Keys: keys})
}
