package command

import "slices"

// keySet is a sorted list of key ids without repetition. It is never changed, so that copies of an aggregate may share it.
type keySet []string

func newKeySet(keys []string) keySet {
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}

func (s keySet) with(key string) keySet {
	at, found := slices.BinarySearch(s, key)
	if found {
		return s
	}
	return slices.Insert(slices.Clone(s), at, key)
}
