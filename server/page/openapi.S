/* openapi.S - puts openapi.yaml into the program. */
    .section .rodata
    .global openapi_document
    .global openapi_document_end
openapi_document:
    .incbin "openapi.yaml"
openapi_document_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
