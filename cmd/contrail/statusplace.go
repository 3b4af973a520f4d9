package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/picture"
)

// statusConnections are enough to read the parts of a picture side by side.
const statusConnections = 4

// statusPlace is the two servers that are asked.
type statusPlace struct {
	verb *statusVerb
	app  *app

	pool      *pgxpool.Pool       // nil: the database can't be used
	js        jetstream.JetStream // nil: the broker can't be used
	closeNATS func()
	reader    *picture.Reader // nil: one of them has just been opened

	noDatabase, noBroker error // why not
}

// open opens what is not open. The error is about wrong usage, or a signal: that a server can't be used is kept.
func (p *statusPlace) open(ctx context.Context) error {
	var both sync.WaitGroup
	if p.pool == nil {
		p.reader = nil
		both.Go(func() { p.pool, p.noDatabase = p.app.openStore(ctx, statusConnections) })
	}
	if p.js == nil {
		p.reader = nil
		both.Go(func() { p.js, p.closeNATS, p.noBroker = p.app.openJetStream(ctx, p.verb.brokerFlags) })
	}
	both.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	}
	for _, err := range []error{p.noDatabase, p.noBroker} {
		if _, wrong := errors.AsType[usageError](err); wrong {
			return err
		}
	}
	return nil
}

// read reads a picture.
func (p *statusPlace) read(ctx context.Context, limits picture.Limits) picture.Picture {
	if p.reader == nil {
		p.reader = picture.New(p.pool, p.js, picture.Config{
			Stream: p.verb.Stream, Prefix: p.verb.Prefix, DeadLetters: p.verb.DeadLetters, Limits: limits,
			NoDatabase: ifUnreached(p.noDatabase, p.app.databaseFrom), NoBroker: ifUnreached(p.noBroker, "NATS_URL"),
		})
	}
	return p.reader.Read(ctx)
}

// ifUnreached is [unreached] of what may have been reached.
func ifUnreached(err error, variable string) error {
	if err == nil {
		return nil
	}
	return unreached(err, variable)
}

// unread is why a picture lacks what status is for: a server, or how far the stream is.
func (p *statusPlace) unread(now picture.Picture) error {
	err := errors.Join(p.noDatabase, p.noBroker)
	for _, part := range now.Unknown {
		if err == nil && (part.What == "PostgreSQL" || part.What == "NATS" || part.What == "store") {
			err = fmt.Errorf("%s can't be read: %s", part.What, part.Error)
		}
	}
	return err
}

func (p *statusPlace) close() {
	if p.pool != nil {
		p.pool.Close()
	}
	if p.js != nil {
		p.closeNATS()
	}
}
