// Package rule is how the aggregates say no: each rule is one error value, of one of three kinds that tell a caller what to do.
//
//   - [ErrInvalid]: what was given breaks the rule. Correct it. All faults are reported at once, as [FieldErrors].
//   - [ErrRefused]: the aggregate is in no state for it. Look at it again.
//   - [ErrNotFound]: there is no such aggregate, or it is another tenant's.
//
// Both the rule and its kind are found with errors.Is.
package rule
