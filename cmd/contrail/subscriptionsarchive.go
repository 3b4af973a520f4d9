package main

import (
	"context"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher/parked"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// archiveFlags are those of verbs that take from the store what has aged out of a stream.
type archiveFlags struct {
	Archive bool   `env:"-" help:"Take what has aged out of the stream from the database. The flags below are the relay's own."`
	Prefix  string `default:"events" help:"The first part of the subjects."`
	Subject string `default:"{category}.{id}.{type}" help:"What follows the prefix."`
	Name    string `help:"The service's name, shown in each message's source. Default: none."`
}

// open opens the archive, where it is wanted: the events that the relay of a stream has published.
func (f archiveFlags) open(ctx context.Context, a *app, stream string) (archive *subscriptions.Archive, closeArchive func(), err error) {
	if !f.Archive {
		return nil, func() {}, nil
	}
	if _, err := wire.ParseSubjects(f.Prefix, f.Subject); err != nil {
		return nil, nil, misconfigured(err)
	}
	pool, err := a.openStore(ctx, 2)
	if err != nil {
		return nil, nil, err
	}
	var id uuid.UUID
	var store *eventstore.Store
	err = a.inTime(ctx, func(ctx context.Context) error {
		return pool.QueryRow(ctx, `SELECT id FROM contrail.store`).Scan(&id)
	})
	if err == nil {
		store, err = eventstore.New(eventstore.Config{}) // without keys: what is encrypted stays so, as in the stream
	}
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return &subscriptions.Archive{
		Source: wire.Source(f.Name, id), Prefix: f.Prefix, Template: f.Subject,
		Read: func(ctx context.Context, from, to contrail.Position) iter.Seq2[contrail.Recorded, error] {
			return published(ctx, pool, store, stream, eventstore.Query{After: from - 1, Until: to})
		},
	}, pool.Close, nil
}

// published are the events that a query selects, without those that the relay of the stream has left out.
func published(
	ctx context.Context, pool *pgxpool.Pool, store *eventstore.Store, stream string, query eventstore.Query,
) iter.Seq2[contrail.Recorded, error] {
	return func(yield func(contrail.Recorded, error) bool) {
		absent := map[contrail.Position]bool{}
		leftOut := parked.Filter{
			Relay: stream, After: query.After, Until: query.Until,
			States: []parked.State{parked.Parked, parked.Held, parked.Requeued, parked.Discarded},
		}
		for event, err := range parked.List(ctx, pool, leftOut) {
			if err != nil {
				yield(contrail.Recorded{}, err)
				return
			}
			if event.Reason != parked.ReasonMissing { // what is only asked for again was in the stream
				absent[event.Position] = true
			}
		}
		for event, err := range store.Read(ctx, pool, query) {
			if absent[event.Position] {
				continue
			}
			if !yield(event, err) {
				return
			}
		}
	}
}
