package doctor

import (
	"context"
	"fmt"
)

const (
	oldestPostgres = 14
	versionPerName = 10_000 // server_version_num of one major version
)

// No table is read.
const serverSQL = `SELECT current_setting('server_version_num')::int, current_setting('server_version')`

func checkDatabase(ctx context.Context, d *Doctor) ([]Finding, error) {
	if d.pool == nil {
		return absent("PostgreSQL", "DATABASE_URL", d.config.NoDatabase), nil
	}
	var number int
	var name string
	if err := d.pool.QueryRow(ctx, serverSQL).Scan(&number, &name); err != nil {
		return absent("PostgreSQL", "DATABASE_URL", fmt.Errorf("PostgreSQL can't be used: %w", err)), nil
	}
	return postgresFinding(number, name), nil
}

// postgresFinding is about a server's version.
func postgresFinding(number int, name string) []Finding {
	with := values{"version": name}
	if number/versionPerName < oldestPostgres {
		return []Finding{{
			Severity: Danger, What: "PostgreSQL is " + name, Why: fmt.Sprintf("Contrail needs %d or later", oldestPostgres), Do: "upgrade the server", Values: with,
		}}
	}
	return good(with, "PostgreSQL %s", name)
}

// absent is about a server that is not there: nobody has named one, or it can't be reached.
func absent(what, variable string, why error) []Finding {
	if why == nil {
		return noted("no "+what+" is examined", "name it ("+variable+")")
	}
	return []Finding{{
		Severity: Danger, What: oneLine(why), Why: "nothing that needs " + what + " goes on", Do: "start it, or correct " + variable,
	}}
}
