package invoicing

import "github.com/jackc/pgx/v5"

// scan is where the columns of a row go, and what is done with each row once they are there.
type scan struct {
	targets []any
	each    func() error
}

// rows goes through what a query returns. The error is the query's or each's, for the caller to wrap.
func (s scan) rows(found pgx.Rows, err error) error {
	if err == nil {
		_, err = pgx.ForEachRow(found, s.targets, s.each)
	}
	return err //nolint:wrapcheck // see above
}
