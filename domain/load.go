package domain

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Found is an aggregate and its history up to there. A deleted aggregate is found, too: its state says when it was deleted.
type Found[S any] struct {
	Aggregate[S]

	Events []contrail.Recorded // in the order of their versions
}

// find reads an aggregate that must exist.
func (d Decider[S, C, E]) find(ctx context.Context, store Store, actor Actor, id string, at At) (Found[S], error) {
	if !isCanonical(id) { // nothing else was ever given as an id, and nothing else may reach the name of a stream
		return Found[S]{}, notFound(d.Category, id, at)
	}
	found, err := d.load(ctx, store, actor, id, at)
	missing := found.Version == 0 || found.Version < at.Version && at.Time.IsZero()
	if errors.Is(err, ErrNotFound) || err == nil && missing {
		return Found[S]{}, notFound(d.Category, id, at)
	}
	return found, err
}

// load reads an aggregate; an id without a stream gives version 0 and the zero state. One of another tenant is ErrNotFound.
func (d Decider[S, C, E]) load(ctx context.Context, store Store, actor Actor, id string, at At) (Found[S], error) {
	found := Found[S]{Aggregate: Aggregate[S]{ID: id}}
	for recorded, err := range store.Load(ctx, d.Stream(id)) {
		if err != nil {
			return Found[S]{}, fmt.Errorf("load %s: %w", d.Stream(id), err)
		}
		if recorded.Metadata[contrail.KeyTenantID] != actor.TenantID {
			return Found[S]{}, notFound(d.Category, id, at)
		}
		if at.isPast(recorded) {
			break
		}
		if found.Aggregate, err = d.Apply(found.Aggregate, recorded); err != nil {
			return Found[S]{}, err
		}
		found.Events = append(found.Events, recorded)
	}
	return found, nil
}

// isCanonical tells whether id is a UUID in its form of 36 small characters.
func isCanonical(id string) bool {
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.String() == id
}
