package main

import (
	"context"
	"time"

	"github.com/contrail-events/contrail/eventstore/erasure"
)

// keysListVerb lists persons.
type keysListVerb struct {
	JSON bool `name:"json" help:"Print JSON lines."`
}

// Help teaches.
func (*keysListVerb) Help() string {
	return `Lists the persons who have a key, by name: when the key was made, its id, as the events' metadata has it in key_id, and the
key-encryption key that it is wrapped with. Who was erased, or never had an event that was encrypted, is not among them.

Examples:

  contrail keys list
  contrail keys list --json | jq -r 'select(.kek == "2025-03") | .subject'`
}

// Run lists.
func (v *keysListVerb) Run(ctx context.Context, a *app) error {
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	keys, err := erasure.NewKeys(pool, nil, erasure.Config{})
	if err != nil {
		return err
	}
	titled, rows := a.newTable([]string{"created", "key", "wrapped with", "subject"}), [][]string(nil)
	for subject, err := range keys.Subjects(ctx) {
		switch {
		case err != nil:
			return err
		case v.JSON:
			if err := a.printJSON(subject); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{subject.CreatedAt.Format(time.RFC3339), subject.KeyID, orDash(subject.KEK), printable(subject.Name)})
		if len(rows) == tableStep {
			a.printf("%s", titled.text(rows))
			rows = rows[:0]
		}
	}
	if !v.JSON {
		a.printf("%s", titled.text(rows))
	}
	return nil
}

// orDash shows that a cell has nothing in it.
func orDash(cell string) string {
	if cell == "" {
		return "-"
	}
	return cell
}
