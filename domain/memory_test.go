package domain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
)

// memory is a Transactor with optimistic transactions: what a transaction writes is seen by itself only, until its commit finds the streams
// still at the versions that they had, and the entries that it held, references and keys as it saw them.
type memory struct {
	mu           sync.Mutex
	streams      map[string][]contrail.Recorded
	entries      map[entryKey]domain.Entry
	answers      map[answerKey]domain.Answer
	position     contrail.Position
	transactions int
	loadError    error                                // what a load ends in; may be nil
	onAppend     func(stream contrail.StreamID) error // called before an append; may be nil
	onAnswered   func()                               // called after an answer was looked for; may be nil
	afterCommit  func() error                         // what a transaction that was committed returns; may be nil
}

func newMemory() *memory {
	return &memory{
		streams: map[string][]contrail.Recorded{}, entries: map[entryKey]domain.Entry{}, answers: map[answerKey]domain.Answer{},
	}
}

func (m *memory) InTx(ctx context.Context, fn func(ctx context.Context, tx domain.Tx) error) error {
	m.mu.Lock()
	m.transactions++
	m.mu.Unlock()
	tx := &transaction{
		memory: m, pending: map[string][]contrail.Recorded{},
		held: map[entryKey]domain.Entry{}, saved: map[entryKey]domain.Entry{}, kept: map[answerKey]domain.Answer{},
	}
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.commit(); err != nil || m.afterCommit == nil {
		return err
	}
	return m.afterCommit()
}

func (m *memory) read(stream contrail.StreamID) []contrail.Recorded {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.streams[stream.String()])
}

// types is a stream's history.
func (m *memory) types(stream contrail.StreamID) (types []string) {
	for _, recorded := range m.read(stream) {
		types = append(types, recorded.Type)
	}
	return types
}

func (m *memory) events() (count int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, stream := range m.streams {
		count += len(stream)
	}
	return count
}

type transaction struct {
	memory  *memory
	pending map[string][]contrail.Recorded
	held    map[entryKey]domain.Entry
	saved   map[entryKey]domain.Entry
	kept    map[answerKey]domain.Answer
}

func (t *transaction) Load(_ context.Context, stream contrail.StreamID) iter.Seq2[contrail.Recorded, error] {
	return func(yield func(contrail.Recorded, error) bool) {
		for _, recorded := range append(t.memory.read(stream), t.pending[stream.String()]...) {
			if !yield(recorded, nil) {
				return
			}
		}
		if t.memory.loadError != nil {
			yield(contrail.Recorded{}, t.memory.loadError)
		}
	}
}

func (t *transaction) Append(
	ctx context.Context, stream contrail.StreamID, version int64, events ...contrail.Event,
) ([]contrail.Recorded, error) {
	if t.memory.onAppend != nil {
		if err := t.memory.onAppend(stream); err != nil {
			return nil, err
		}
	}
	if at := int64(len(t.memory.read(stream)) + len(t.pending[stream.String()])); at != version {
		return nil, fmt.Errorf("%s is at %d: %w", stream, at, contrail.ErrConflict)
	}
	var recorded []contrail.Recorded
	for i, event := range events {
		data, err := json.Marshal(event.Data)
		if err != nil {
			return nil, err
		}
		recorded = append(recorded, contrail.Recorded{
			ID: uuid.New(), Stream: stream, Version: version + int64(i) + 1, Type: event.Type, Data: data,
			Metadata: event.Metadata, RecordedAt: time.Unix(0, 0).UTC(),
		})
	}
	t.pending[stream.String()] = append(t.pending[stream.String()], recorded...)
	return recorded, ctx.Err()
}

func (t *transaction) commit() error {
	t.memory.mu.Lock()
	defer t.memory.mu.Unlock()
	for stream, pending := range t.pending {
		if int64(len(t.memory.streams[stream])) != pending[0].Version-1 {
			return fmt.Errorf("commit %s: %w", stream, contrail.ErrConflict)
		}
	}
	if err := t.commitRows(); err != nil {
		return err
	}
	for stream, pending := range t.pending {
		for _, recorded := range pending {
			t.memory.position++
			recorded.Position = t.memory.position
			t.memory.streams[stream] = append(t.memory.streams[stream], recorded)
		}
	}
	return nil
}
