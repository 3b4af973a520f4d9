package subscribers

// OnCommitted has f called between a commit and the acks of its events.
func (s *Subscription) OnCommitted(f func()) { s.hooks.committed = f }

// OnCommitted has f called after a commit.
func (p *Projection) OnCommitted(f func()) { p.hooks.committed = f }
