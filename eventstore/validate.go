package eventstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/internal/schema"
)

// ErrDrift says that the schema contrail is not what this library's migrations made.
var ErrDrift = errors.New("the schema contrail is not what its migrations made")

// schemaText is the schema as the migrations make it, an object a line. A test writes it: go test ./eventstore -run TestSchemaFile -update.
//
//go:embed schema.txt
var schemaText string

// Difference is an object of the schema contrail that is not as the migrations made it.
type Difference struct {
	Object string `json:"object"` // as in "trigger events.events_promise": its kind, the table that it belongs to, and its name
	Want   string `json:"want"`   // its definition as the migrations made it; "" when it is not theirs
	Have   string `json:"have"`   // its definition as it is; "" when it is gone

	// Harmless is an addition that can break no promise: an index that is not unique, a column that may be null, a trigger that fires
	// AFTER; a table, view, sequence or function beside Contrail's own. So is a constraint that was validated since.
	Harmless bool `json:"harmless"`
}

// String is the difference in one sentence, without a full stop.
func (d Difference) String() string {
	switch {
	case d.Have == "":
		return d.Object + " is missing: " + d.Want
	case d.Want == "":
		return d.Object + " is not Contrail's: " + d.Have
	}
	return fmt.Sprintf("%s is %s; it was %s", d.Object, d.Have, d.Want)
}

// Validate compares every table, column, constraint, index, trigger, rule, sequence and function of the schema contrail with what this
// library's migrations make, and looks whether the migrations, the store's id and the sequence of positions are as they must be. What differs
// comes back sorted by object; the error wraps [ErrDrift] unless all of it is harmless. What an administrator may choose freely is not
// compared: owners, rights, tablespaces, storage parameters.
//
// Nothing is changed or locked, but a migration that is under way is waited for, until ctx ends. The role must be allowed to read events, as
// contrail_read is. A database that [Check] refuses is refused likewise.
func Validate(ctx context.Context, pool *pgxpool.Pool) ([]Difference, error) {
	if err := checkServer(ctx, pool); err != nil {
		return nil, err
	}
	var have []schema.Object
	err := schema.Locked(ctx, pool, schema.Shared, func(tx pgx.Tx) (err error) {
		have, err = describe(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	differences, faults := judge(schema.Compare(parseSchema(schemaText), have))
	if len(faults) > 0 {
		err = fmt.Errorf("%w: %s", ErrDrift, strings.Join(faults, "; "))
	}
	return differences, err
}

// storeProbe: without its id a store can't tell its own messages from foreign ones. positionsProbe: a sequence that stands below an event, as
// after a careless restore, would hand its position out again, and hide it behind the horizon until then.
const (
	storeProbe     = `SELECT count(*)::text FROM contrail.store`
	positionsProbe = `SELECT CASE WHEN last_value - (NOT is_called)::int >= newest THEN 'at or above the newest event'
		ELSE format('%s, below the newest event, %s', last_value - (NOT is_called)::int, newest) END
		FROM contrail.events_position_seq, (SELECT coalesce(max(position), 0) AS newest FROM contrail.events) AS e`
)

func describe(ctx context.Context, tx pgx.Tx) ([]schema.Object, error) {
	own := ownSchema()
	if err := own.Check(ctx, tx); err != nil {
		return nil, err
	}
	return own.Describe(ctx, tx, schema.Probe{Name: "rows store", Query: storeProbe}, schema.Probe{Name: "last position", Query: positionsProbe})
}

// parseSchema reads what formatSchema wrote.
func parseSchema(text string) []schema.Object {
	var objects []schema.Object
	for line := range strings.Lines(text) {
		name, definition, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		objects = append(objects, schema.Object{Name: name, Definition: definition})
	}
	return objects
}

func formatSchema(objects []schema.Object) string {
	var text strings.Builder
	for _, object := range objects {
		text.WriteString(object.Name + ": " + object.Definition + "\n")
	}
	return text.String()
}

// judge tells the harmless differences, and puts the others into words.
func judge(found []schema.Difference) (differences []Difference, faults []string) {
	for _, d := range found {
		difference := Difference{Object: d.Object, Want: d.Want, Have: d.Have, Harmless: isHarmless(d)}
		differences = append(differences, difference)
		if !difference.Harmless {
			faults = append(faults, difference.String())
		}
	}
	return differences, faults
}

// isHarmless tells whether a difference is an addition that can do no harm. A unique index can: an append would take another's row for its own.
func isHarmless(d schema.Difference) bool {
	if d.Want != "" {
		return d.Want == d.Have+" NOT VALID" // somebody has validated it
	}
	switch kind, _, _ := strings.Cut(d.Object, " "); kind {
	case "table", "sequence", "function":
		return true
	case "column":
		return !strings.Contains(d.Have, " NOT NULL")
	case "index":
		return strings.HasPrefix(d.Have, "CREATE INDEX ")
	case "trigger":
		return regexp.MustCompile(`^CREATE (CONSTRAINT )?TRIGGER ([^" ]+|"([^"]|"")+") AFTER `).MatchString(d.Have)
	}
	return false
}
