package domain_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
)

type entryKey struct {
	tenantID string
	domain.Ref
}

type answerKey struct{ tenantID, key string }

func keyOf(entry domain.Entry) entryKey { return entryKey{entry.TenantID, entry.Ref} }

// snapshot is all entries as the transaction sees them.
func (t *transaction) snapshot() map[entryKey]domain.Entry {
	t.memory.mu.Lock()
	defer t.memory.mu.Unlock()
	entries := maps.Clone(t.memory.entries)
	maps.Copy(entries, t.saved)
	return entries
}

// entry is one of them.
func (t *transaction) entry(key entryKey) (domain.Entry, bool) {
	t.memory.mu.Lock()
	defer t.memory.mu.Unlock()
	if entry, saved := t.saved[key]; saved {
		return entry, true
	}
	entry, known := t.memory.entries[key]
	return entry, known
}

func (t *transaction) Hold(_ context.Context, tenantID string, refs ...domain.Ref) (found []domain.Entry, err error) {
	for _, ref := range refs {
		entry, known := t.entry(entryKey{tenantID, ref})
		if stream := t.memory.read(contrail.NewStreamID(ref.Kind, ref.ID)); known && entry.Version >= int64(len(stream)) {
			found = append(found, entry)
			t.held[keyOf(entry)] = entry
		}
	}
	return found, nil
}

// Lock has nothing to wait for: the commit finds every conflict.
func (t *transaction) Lock(context.Context, string, domain.Ref) error { return nil }

func (t *transaction) Save(_ context.Context, entry domain.Entry) error {
	before, known := t.entry(keyOf(entry))
	if known {
		if before.Version >= entry.Version {
			return fmt.Errorf("%s is at %d: %w", entry.ID, before.Version, contrail.ErrConflict)
		}
		entry.Reference = before.Reference
	} else if owner, taken := holder(t.snapshot, entry); taken {
		return &domain.ReferenceError{Ref: owner.Ref, Reference: entry.Reference}
	}
	t.saved[keyOf(entry)] = entry
	return nil
}

// holder is who else has the reference.
func holder(entries func() map[entryKey]domain.Entry, entry domain.Entry) (domain.Entry, bool) {
	if entry.Reference == "" {
		return domain.Entry{}, false
	}
	for _, other := range entries() {
		if other.Reference == entry.Reference && other.TenantID == entry.TenantID &&
			other.Kind == entry.Kind && other.ID != entry.ID {
			return other, true
		}
	}
	return domain.Entry{}, false
}

func (t *transaction) List(_ context.Context, query domain.ListQuery) (streams [][]contrail.Recorded, err error) {
	entries := slices.SortedFunc(maps.Values(t.snapshot()), func(a, b domain.Entry) int { return cmp.Compare(a.ID, b.ID) })
	for _, entry := range entries {
		if selects(query, entry) && len(streams) < query.Limit {
			streams = append(streams, t.memory.read(contrail.NewStreamID(entry.Kind, entry.ID)))
		}
	}
	return streams, nil
}

func selects(query domain.ListQuery, entry domain.Entry) bool {
	right := func(wanted, actual string) bool { return wanted == "" || wanted == actual }
	status := right(query.Status, entry.Status)
	if query.Status == domain.StatusLive || query.Status == "" && query.Reference == "" {
		status = entry.Status != domain.StatusDeleted
	}
	return status && entry.TenantID == query.TenantID && entry.Kind == query.Kind && entry.ID > query.After &&
		right(query.OrganisationID, entry.OrganisationID) && right(query.ContactID, entry.ContactID) && right(query.Reference, entry.Reference)
}

func (t *transaction) Answer(_ context.Context, tenantID, key string) (domain.Answer, bool, error) {
	t.memory.mu.Lock()
	answer, kept := t.memory.answers[answerKey{tenantID, key}]
	t.memory.mu.Unlock()
	if t.memory.onAnswered != nil {
		t.memory.onAnswered()
	}
	return answer, kept, nil
}

func (t *transaction) Keep(_ context.Context, answer domain.Answer) error {
	t.kept[answerKey{answer.TenantID, answer.Key}] = answer
	return nil
}

// commitRows finds what has changed under the transaction, or writes its rows.
func (t *transaction) commitRows() error {
	for key, entry := range t.held {
		if now := t.memory.entries[key]; (now.Status == domain.StatusDeleted) != (entry.Status == domain.StatusDeleted) {
			return fmt.Errorf("%s was deleted: %w", key.ID, contrail.ErrConflict)
		}
	}
	for key, entry := range t.saved {
		_, taken := holder(func() map[entryKey]domain.Entry { return t.memory.entries }, entry)
		if before, known := t.memory.entries[key]; known && before.Version >= entry.Version || !known && taken {
			return fmt.Errorf("commit the entry of %s: %w", key.ID, contrail.ErrConflict)
		}
	}
	for key := range t.kept {
		if _, known := t.memory.answers[key]; known {
			return fmt.Errorf("key %q was answered: %w", key.key, contrail.ErrConflict)
		}
	}
	maps.Copy(t.memory.entries, t.saved)
	maps.Copy(t.memory.answers, t.kept)
	return nil
}
