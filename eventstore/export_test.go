package eventstore

// Statement is what [Store.Read] asks for a page of the query's events.
func (s *Store) Statement(query Query) (statement string, args []any) {
	condition, args := query.condition(0, 1<<62)
	return s.source + condition, append(args, pageEvents)
}
