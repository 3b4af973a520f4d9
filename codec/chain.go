package codec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkChains finds what is wrong with the upcasters taken together. Names and schemas are gone through in order, so that the same registry
// always gives the same error.
func (r *registry) checkChains() {
	for _, known := range r.lineages {
		if known.payload == nil {
			known.newest = slices.Max(slices.Collect(maps.Keys(known.upcasters)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.lineages)) {
		r.checkSchemas(name, r.lineages[name])
		for _, schema := range slices.Sorted(maps.Keys(r.lineages[name].upcasters)) {
			r.checkTargets(Form{name, schema}, r.lineages[name].upcasters[schema])
		}
	}
	r.checkCircles()
}

// checkSchemas finds the schemas of one type that nothing reads, and those that are read in two ways.
func (r *registry) checkSchemas(name string, known *lineage) {
	next := 1 // the schema that is to be read
	for _, schema := range slices.Sorted(maps.Keys(known.upcasters)) {
		if known.payload != nil && schema >= known.newest {
			r.fault(upcastSubject(Form{name, schema}), fmt.Sprintf(
				"%s is written as schema %d today, and an upcaster reads an older one: raise codec.Schema", known.payload.goType, known.newest))
			continue
		}
		r.checkGap(name, next, schema)
		next = schema + 1
	}
	if known.payload != nil {
		r.checkGap(name, next, known.newest)
	}
}

// checkGap finds a hole from one schema up to, and without, another.
func (r *registry) checkGap(name string, from, to int) {
	switch {
	case to == from+1:
		r.fault(Form{name, from}.String(), fmt.Sprintf("nothing reads it, but schema %d is known: add %s", to, upcastSubject(Form{name, from})))
	case to > from:
		r.fault(Form{name, from}.String(), fmt.Sprintf(
			"nothing reads it and those up to %d, but schema %d is known: add a codec.Upcast for each", to-1, to))
	}
}

// checkTargets looks at where an upcaster leads to.
func (r *registry) checkTargets(from Form, upcaster upcaster) {
	own := r.lineages[from.Type]
	if own.payload != nil && from.Schema >= own.newest {
		return // it should not be there at all
	}
	for _, target := range upcaster.targets {
		to := r.lineages[target.form.Type]
		switch {
		case to == nil:
			r.fault(upcastSubject(from), fmt.Sprintf("leads to %s, which nothing reads: register its type, or an upcaster", target.form))
		case target.form.Schema < 1:
			r.fault(upcastSubject(from), fmt.Sprintf("leads to %s: the first schema is 1", target.form))
		case target.form.Schema > to.newest:
			r.fault(upcastSubject(from), fmt.Sprintf(
				"leads to %s, but schema %d is the newest one known: register the type with a later codec.Schema, or end in one that is registered",
				target.form, to.newest))
		}
	}
	for _, target := range upcaster.targets {
		r.checkMade(from, target)
	}
}

// checkMade sees to it that an upcaster into a Go type of today is changed when that type is: it would write today's data under the number
// of an older schema.
func (r *registry) checkMade(from Form, target Part) {
	for name, known := range r.lineages {
		if known.payload == nil || known.payload.goType != target.makes || target.form == (Form{name, known.newest}) {
			continue
		}
		r.fault(upcastSubject(from), fmt.Sprintf("makes a %s, which is %s today, and calls it %s: make a frozen copy of the former type",
			target.makes, Form{name, known.newest}, target.form))
	}
}

// checkCircles follows every way once, depth first.
func (r *registry) checkCircles() {
	done := map[Form]bool{}
	var visit func(form Form, way []Form)
	visit = func(form Form, way []Form) {
		if i := slices.Index(way, form); i >= 0 {
			r.fault(upcastSubject(form), "leads back to itself: "+arrows(append(slices.Clone(way[i:]), form)))
			return
		}
		known := r.lineages[form.Type]
		if done[form] || known == nil || known.isCurrent(form.Schema) {
			return
		}
		for _, target := range known.upcasters[form.Schema].targets {
			visit(target.form, append(slices.Clone(way), form))
		}
		done[form] = true
	}
	for _, name := range slices.Sorted(maps.Keys(r.lineages)) {
		for _, schema := range slices.Sorted(maps.Keys(r.lineages[name].upcasters)) {
			visit(Form{name, schema}, nil)
		}
	}
}

func arrows(forms []Form) string {
	names := make([]string, len(forms))
	for i, form := range forms {
		names[i] = form.String()
	}
	return strings.Join(names, " → ")
}
