package organisation

import "github.com/contrail-events/contrail/codec"

// Events is what a codec is to know of this aggregate: all that it ever recorded.
func Events() []codec.Registration {
	return []codec.Registration{
		codec.Type[Created](),
		codec.Type[Updated](),
		codec.Type[Deleted](),
	}
}
