package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/wire"
)

// servers is where a demo or a load takes place: on servers of its own, or in a corner of those that it was given.
type servers struct {
	app   *app
	stack *localstack.Stack
	own   string // what names begin with that are made up

	databaseURL string // of the database to work in
	natsURL     string
	stream      string
	prefix      string
	deadLetters string
	scratch     string // the database to drop; "": none was created
	borrowed    bool   // the NATS server was given: what is made there is removed
	listening   bool   // somebody had the broker's advisories captured before
}

// startServers starts what was not given, and finds a corner in what was. dataDir is of servers of its own; empty: temporary folders.
func startServers(ctx context.Context, a *app, broker brokerFlags, dataDir string) (*servers, error) {
	stack, err := localstack.Start(ctx, localstack.Config{
		DataDir: dataDir, DatabaseURL: a.DatabaseURL, NATSURL: broker.NATSURL, Logger: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("start the %s's servers: %w", a.verb, err)
	}
	s := &servers{
		app: a, stack: stack, own: "contrail_" + a.verb + "_", databaseURL: stack.DatabaseURL(), natsURL: stack.NATSURL(),
		stream: broker.Stream, prefix: broker.Prefix, deadLetters: wire.DefaultDeadLetters, borrowed: broker.NATSURL != "",
	}
	if s.borrowed {
		s.nameStreams()
	}
	if a.DatabaseURL != "" {
		if err := s.createScratch(ctx); err != nil {
			return nil, errors.Join(err, stack.Close())
		}
	}
	return s, nil
}

// nameStreams chooses names on a server that others use, unless the user has chosen some.
func (s *servers) nameStreams() {
	own := s.own + strings.ToLower(rand.Text()[:10])
	if s.stream == wire.DefaultStream {
		s.stream = strings.ToUpper(own)
	}
	if s.prefix == wire.DefaultPrefix {
		s.prefix = own
	}
	s.deadLetters = s.stream + "_DEADLETTERS"
}

// createScratch creates a database on the server that was given, beside the one that the URL names.
func (s *servers) createScratch(ctx context.Context) error {
	name := s.own + strings.ToLower(rand.Text()[:10])
	if err := s.onGiven(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("a scratch database can't be created: %w", err)
	}
	s.scratch, s.databaseURL = name, inDatabase(s.app.DatabaseURL, name)
	return nil
}

// onGiven runs one statement in the database that the user's URL names.
func (s *servers) onGiven(ctx context.Context, statement string) error {
	pool, err := s.app.openPool(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Exec(ctx, statement)
	return err //nolint:wrapcheck // the callers do
}

// inDatabase is the URL, or the key=value string, with another database's name in it.
func inDatabase(address, name string) string {
	parsed, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(parsed.Scheme, "postgres") {
		return address + " dbname=" + name // the last one of a key counts
	}
	query := parsed.Query()
	query.Del("dbname")
	query.Del("database")
	parsed.RawQuery, parsed.Path, parsed.RawPath = query.Encode(), "/"+name, ""
	return parsed.String()
}

// claim makes sure that the streams on a borrowed server are its own: it will delete them.
func (s *servers) claim(ctx context.Context, js jetstream.JetStream) error {
	if !s.borrowed {
		return nil
	}
	for _, name := range []string{s.stream, s.deadLetters} {
		_, err := js.Stream(ctx, name)
		if err == nil {
			s.borrowed = false // it is somebody's, so it stays
			return fmt.Errorf("stream %s has another writer: it is there already; leave --stream out, or name one that does not exist", name)
		}
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("look for stream %s: %w", name, err)
		}
	}
	_, err := js.Stream(ctx, wire.Advisories)
	s.listening = err == nil
	return s.app.checkSubjects(ctx, js, s.stream, s.prefix)
}

const goodbye = 10 * time.Second

// removeStreams deletes what was made on a borrowed server.
func (s *servers) removeStreams(ctx context.Context, js jetstream.JetStream) error {
	if !s.borrowed || js == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	var faults []error
	for _, name := range []string{s.stream, s.deadLetters} {
		if err := js.DeleteStream(ctx, name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			faults = append(faults, fmt.Errorf("delete stream %s: %w", name, err))
		}
	}
	return errors.Join(append(faults, s.removeAdvisories(ctx, js))...)
}

// removeAdvisories deletes its consumers of the broker's advisories, and their stream, if it was made with them and nobody else uses it by now.
func (s *servers) removeAdvisories(ctx context.Context, js jetstream.JetStream) error {
	stream, err := js.Stream(ctx, wire.Advisories)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for stream %s: %w", wire.Advisories, err)
	}
	others := false
	consumers := stream.ConsumerNames(ctx)
	for name := range consumers.Name() {
		if !strings.HasPrefix(name, s.stream+"_") {
			others = true
		} else if err := stream.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("delete consumer %s of stream %s: %w", name, wire.Advisories, err)
		}
	}
	if err := consumers.Err(); err != nil {
		return fmt.Errorf("list the consumers of stream %s: %w", wire.Advisories, err)
	}
	if others || s.listening {
		return nil
	}
	if err := js.DeleteStream(ctx, wire.Advisories); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete stream %s: %w", wire.Advisories, err)
	}
	return nil
}

// close drops the scratch database and stops what was started. Whoever uses them has let go by then.
func (s *servers) close(ctx context.Context, kept bool) error {
	var err error
	if s.scratch != "" && !kept {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		err = s.onGiven(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{s.scratch}.Sanitize()+" WITH (FORCE)")
		if err != nil {
			err = fmt.Errorf("drop the scratch database %s: %w", s.scratch, err)
		}
	}
	return errors.Join(err, s.stack.Close())
}
