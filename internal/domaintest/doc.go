// Package domaintest holds the worked example to what it promises: [Table] is a decider's specification as rows of given, when and then, and
// [Model] is what the services are run beside.
package domaintest
