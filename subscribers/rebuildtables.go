package subscribers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// table is one of a read model's.
type table struct{ schema, name string }

func (t table) String() string { return pgx.Identifier{t.schema, t.name}.Sanitize() }

// in is the table of that name in another schema.
func (t table) in(schema string) table { return table{schema, t.name} }

// tables are a read model's, parents first.
type tables []table

// path is the part of a search path in which the tables are found by their bare names; "" if there are none.
func (t tables) path() string {
	var schemas []string
	for _, one := range t {
		if quoted := (pgx.Identifier{one.schema}).Sanitize(); !slices.Contains(schemas, quoted) {
			schemas = append(schemas, quoted)
		}
	}
	return strings.Join(schemas, ", ")
}

// names are those of the tables, as PostgreSQL reads them.
func (t tables) names() []string {
	names := make([]string, len(t))
	for i, one := range t {
		names[i] = one.String()
	}
	return names
}

// maxName is the length of PostgreSQL's names, in bytes.
const maxName = 63

// parseTables reads names as in "billing.statement_lines". The error names each that is wrong.
func parseTables(qualified []string) (tables, error) {
	var parsed tables
	var faults []error
	for _, text := range qualified {
		schema, name, _ := strings.Cut(text, ".")
		one := table{schema, name}
		switch {
		case schema == "" || name == "" || strings.ContainsAny(text, "\"\x00") || strings.Contains(name, ".") || len(schema) > maxName || len(name) > maxName:
			faults = append(faults, fmt.Errorf("%s: %q is not a table's name of the form schema.table, without quotes", "Tables", text))
		case slices.ContainsFunc(parsed, func(other table) bool { return other.name == name }):
			faults = append(faults, fmt.Errorf("%s: %q is the second of that name", "Tables", text))
		default:
			parsed = append(parsed, one)
		}
	}
	return parsed, errors.Join(faults...)
}

func checkTables(qualified []string) error {
	_, err := parseTables(qualified)
	return err
}
