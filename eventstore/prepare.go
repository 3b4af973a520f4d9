package eventstore

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/jsonb"
)

// entry is one element of the batch that contrail.append takes.
type entry struct {
	ID       uuid.UUID         `json:"id"`
	Type     string            `json:"type"`
	Data     json.RawMessage   `json:"data"`
	Metadata contrail.Metadata `json:"metadata"`
}

// prepare completes and checks the events, marshals their data, and gives those an id that have none. What it returns is the events as they
// will be recorded, and what the database is told of each.
func prepare(events []contrail.Event, around contrail.Metadata) ([]contrail.Recorded, []entry, error) {
	recorded := make([]contrail.Recorded, len(events))
	entries := make([]entry, len(events))
	for i, event := range events {
		entry, err := prepareOne(event, around)
		if err != nil {
			return nil, nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		entries[i] = entry
		recorded[i] = contrail.Recorded{ID: entry.ID, Type: entry.Type, Data: entry.Data, Metadata: entry.Metadata}
	}
	return recorded, entries, nil
}

func prepareOne(event contrail.Event, around contrail.Metadata) (entry, error) {
	event.Metadata = surrounded(event.Metadata, around)
	if err := event.Validate(); err != nil {
		return entry{}, err
	}
	if _, taken := event.Metadata[contrail.KeySealedWith]; taken {
		return entry{}, &contrail.InvalidError{What: "metadata key", Value: contrail.KeySealedWith, Reason: "is the store's own, for encrypted events"}
	}
	data, err := json.Marshal(event.Data)
	if err != nil {
		return entry{}, &contrail.InvalidError{What: "data of event type", Value: event.Type, Reason: "is not JSON: " + err.Error()}
	}
	if reason := jsonb.Unfit(data); reason != "" {
		return entry{}, &contrail.InvalidError{What: "data of event type", Value: event.Type, Reason: reason}
	}
	if event.ID == uuid.Nil {
		if event.ID, err = uuid.NewV7(); err != nil {
			return entry{}, fmt.Errorf("make an id: %w", err)
		}
	}
	return entry{ID: event.ID, Type: event.Type, Data: data, Metadata: event.Metadata}, nil
}

// ErrNoKeys says that an event is about a person, and that the store was given no keys to encrypt it with.
var ErrNoKeys = errors.New("the store has no keys: set eventstore.Config.Keys")

// seal encrypts the data of those events that name a subject.
func (s *Store) seal(stream contrail.StreamID, events []contrail.Event, entries []entry, query erasure.Query) error {
	var subjects []string
	for i, event := range events {
		if event.DataSubject == "" {
			continue
		}
		if s.keys == nil {
			return fmt.Errorf("event %d is about %q: %w", i+1, event.DataSubject, ErrNoKeys)
		}
		subjects = append(subjects, event.DataSubject)
	}
	if len(subjects) == 0 {
		return nil
	}
	keys, err := s.keys.KeysFor(subjects, query)
	if err != nil {
		return err
	}
	for i, event := range events {
		if event.DataSubject == "" {
			continue
		}
		key := keys[event.DataSubject]
		entries[i].Data = key.Seal(entries[i].ID, stream, entries[i].Type, entries[i].Data)
		entries[i].Metadata[contrail.KeySealedWith] = key.ID() // the recorded event's metadata, too
	}
	return nil
}

// marshal is the batch as text. Sizes are those of what is stored.
func (s *Store) marshal(entries []entry) ([]byte, error) {
	for i, entry := range entries {
		size := jsonb.StoredSize(entry.Data)
		for key, value := range entry.Metadata {
			size += len(key) + len(value) + len(`"":"",`)
		}
		if size > s.maxEventBytes {
			reason := fmt.Sprintf("has %d bytes of data and metadata, more than the %d allowed (eventstore.Config.MaxEventBytes)", size, s.maxEventBytes)
			return nil, fmt.Errorf("event %d: %w", i+1, &contrail.InvalidError{What: "event type", Value: entry.Type, Reason: reason})
		}
	}
	text, err := json.Marshal(entries)
	if err != nil {
		return nil, fmt.Errorf("marshal: %w", err)
	}
	return text, nil
}
