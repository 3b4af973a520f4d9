package rule

// KeyReference is the metadata key under which an aggregate's first event carries the reference that its creator gave it.
const KeyReference = "reference"

// MaxReferenceLength is how many characters a reference may have.
const MaxReferenceLength = 200

// Reference checks a client's own name for an aggregate. It may be left out.
func Reference(value string) *FieldError {
	if value == "" {
		return nil
	}
	return Text("reference", value, MaxReferenceLength)
}
