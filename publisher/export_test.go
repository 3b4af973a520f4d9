package publisher

import "github.com/nats-io/nats.go/jetstream"

// OnPoint makes the relay call f at each named point of its loop.
func (r *Relay) OnPoint(f func(point string)) { r.hook = f }

// BelieveInLeading makes the relay lead without the lock, as one does that has not noticed its loss.
func (r *Relay) BelieveInLeading() { r.exclusive = false }

// StreamConfig is what the relay creates a stream with.
func StreamConfig(cfg Config) jetstream.StreamConfig { return streamConfig(cfg.withDefaults()) }
