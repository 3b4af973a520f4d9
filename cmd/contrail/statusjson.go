package main

import (
	"time"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// statusJSON is what --json prints: how far the stream is, at the top, and the parts of the picture. What is not known is null, or absent.
type statusJSON struct {
	*publisher.Status

	At       time.Time      `json:"at"`
	Postgres picture.Server `json:"postgres"`
	NATS     picture.Server `json:"nats"`

	Streams       []control.Stream             `json:"streams"`
	Relays        []control.Relay              `json:"relays"`
	Subscriptions []subscriptions.Subscription `json:"subscriptions"`
	Projections   []picture.Projection         `json:"projections"`
	DeadLetters   map[string]int64             `json:"dead_letters"`
	InboxRows     map[string]int64             `json:"inbox_rows"`
	Deliveries    []picture.Ledger             `json:"deliveries"`
	Runs          []picture.Workflow           `json:"runs"`
	Webhooks      *picture.Endpoints           `json:"webhooks"`
	Latency       picture.Latency              `json:"latency"`
	Problems      []picture.Problem            `json:"problems"`
	Unknown       []picture.Unknown            `json:"unknown"`
}

func statusOf(p picture.Picture) statusJSON {
	return statusJSON{
		Status: p.Store, At: p.At, Postgres: p.Postgres, NATS: p.NATS, Streams: p.Streams, Relays: p.Relays,
		Subscriptions: p.Subscriptions, Projections: p.Projections, DeadLetters: p.DeadLetters, InboxRows: p.InboxRows,
		Deliveries: p.Deliveries, Runs: p.Runs, Webhooks: p.Webhooks, Latency: p.Latency, Problems: p.Problems, Unknown: p.Unknown,
	}
}
