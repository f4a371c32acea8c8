/* page_files.S - puts what browsers and clients fetch into the program, as it stands when that is built. */
    .macro embed name, path
    .global page_files_\name
    .global page_files_\name\()_end
page_files_\name:
    .incbin "\path"
page_files_\name\()_end:
    .byte 0
    .endm

    .section .rodata
    embed openapi, "openapi.yaml"
    embed index, "server/page/index.html"
    embed style, "server/page/page.css"
    embed script, "server/page/page.js"
    .section .note.GNU-stack, "", %progbits
