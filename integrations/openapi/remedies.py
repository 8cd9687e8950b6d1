"""How to mend what a linter finds, by rule id: those of vacuum's recommended ruleset for OpenAPI."""

from __future__ import annotations

from integrations.openapi import rules

_EXAMPLE = "Add an example if you like; actions do not need one."
_DESCRIPTION = "Add a description, or enter one in the action; it is shown beside the input."
_SLIP = "Correct it in the document, or check the actions that use it."

REMEDIES: dict[str, str] = {
    rule.id: rule.remedy
    for rule in (
        rules.DESCRIPTION, rules.OPERATION_ID, rules.OPERATION_ID_UNIQUE, rules.CIRCULAR, rules.TRAILING_SLASH, rules.NO_PATHS,
        rules.STRUCTURE, rules.STRUCTURE_2,
    )
} | {
    "component-description": "Add a description if you like; it is shown where the component is used.",
    "description-duplication": "Describe each part in words of its own, so that they can be told apart.",
    "duplicated-entry-in-enum": "Remove the value that is listed twice.",
    "no-$ref-siblings": "Move what stands beside the $ref into the definition that it points at; it was read all the same.",
    "no-ambiguous-paths": "Check which of the two paths the API means; both became actions.",
    "no-eval-in-markdown": "Remove the script from the description; it is shown as plain text.",
    "no-http-verbs-in-path": "Leave it if the API is called that way: the path is sent as written.",
    "no-script-tags-in-markdown": "Remove the script from the description; it was left out.",
    "oas-schema-check": "Correct the schema where it stands: a valid pattern, and in required only fields that are in properties.",
    "oas2-anyOf": "Swagger 2.0 has no anyOf: describe one of the alternatives, or write the document as OpenAPI 3.",
    "oas2-api-host": "Add the host, or enter it as the base URI of the integration.",
    "oas2-api-schemes": "Add schemes with https; it is assumed.",
    "oas2-discriminator": _SLIP,
    "oas2-host-not-example": "Enter the real host as the base URI of the integration.",
    "oas2-host-trailing-slash": "Remove the slash at the end of the host; it was cut off.",
    "oas2-oneOf": "Swagger 2.0 has no oneOf: describe one of the alternatives, or write the document as OpenAPI 3.",
    "oas2-operation-formData-consume-check": "Add application/x-www-form-urlencoded or multipart/form-data to consumes.",
    "oas2-operation-security-defined": "Describe the scheme in securityDefinitions, or correct its name.",
    "oas2-parameter-description": _DESCRIPTION,
    "oas2-unused-definition": "Remove the definition if nothing needs it; it does no harm.",
    "oas3-api-servers": "Add servers with the address of the API, or enter it as the base URI of the integration.",
    "oas3-example-external-check": "Keep either value or externalValue of the example.",
    "oas3-missing-example": _EXAMPLE,
    "oas3-operation-security-defined": "Describe the scheme in components/securitySchemes, or correct its name.",
    "oas3-parameter-description": _DESCRIPTION,
    "oas3-unused-component": "Remove the component if nothing needs it; it does no harm.",
    "oas3-valid-schema-example": "Correct the example or the schema: one of the two is wrong.",
    "operation-description": "Add a description, or enter one in the action.",
    "operation-operationId-valid-in-url": "Use letters, digits and . _ - in the operationId; the key of the action was made so.",
    "operation-parameters": "Declare each parameter once, with a name and a place.",
    "operation-success-response": "Describe what a successful call answers; it names the columns of the results.",
    "operation-tag-defined": "Add the tag to the list of tags, or correct its name.",
    "operation-tags": "Add a tag if you like; actions are grouped by it.",
    "path-not-include-query": "Move the query into the list of parameters; that was done, and the same request is sent.",
    "path-params": "Declare every {parameter} of the path, and none that it lacks; the missing ones were added as text.",
    "paths-kebab-case": "Leave it if the API is called that way: the path is sent as written.",
    "resolving-references": "Define the missing part, or correct the reference.",
    "typed-enum": "List only values of the type that the schema has.",
}  # fmt: skip


def remedy_for(rule: str) -> str:
    """How to mend a breach of a rule, in a sentence; of a rule that is not known here, where to look."""
    return REMEDIES.get(rule, f"Look up the rule {rule} in the documentation of vacuum.")
