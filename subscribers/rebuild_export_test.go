package subscribers

import "github.com/contrail-events/contrail"

// OnFilled has f called whenever a part of the new read model is committed.
func (p *Projection) OnFilled(f func(through contrail.Position)) { p.onRebuild.filled = f }

// OnSwapping has f called when the read model is replaced and that is not committed.
func (p *Projection) OnSwapping(f func()) { p.onRebuild.swapping = f }

// OnSwapped has f called when the read model is replaced.
func (p *Projection) OnSwapped(f func()) { p.onRebuild.swapped = f }

// Matches tells whether a subject is one of a filter's.
func Matches(filter, subject string) bool { return matches(filter, subject) }
