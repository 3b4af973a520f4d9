package codec

import "fmt"

// Rename says that the event is called otherwise since then: it goes on as the given schema of the given type, and is upcast from there.
// The schema is said, not guessed, so that a later one of that type does not change what these data mean.
func Rename(eventType string, schema int) Step {
	return Step{
		name: fmt.Sprintf("Rename(%q, %d)", eventType, schema),
		ends: true, become: []Part{{form: Form{eventType, schema}}},
	}
}

// Split makes several events of one, in the order of the parts. They share the position, the version and the id of the one that stands in
// the store. One whose data were erased becomes one event of each part, since nobody can tell any more which were left out.
func Split(parts ...Part) Step {
	step := Step{name: "Split", ends: true, become: parts}
	if len(parts) == 0 {
		step.fault = "it has no parts: use codec.Drop to leave the event out"
	}
	return step
}

// Drop leaves the event out: nobody needs any more what it tells. The stream then has a version for which nothing is decoded.
func Drop() Step { return Step{name: "Drop", ends: true} }
