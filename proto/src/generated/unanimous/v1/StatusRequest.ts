// Original file: unanimous/v1/admin.proto


/**
 * Asks for the status.
 */
export interface StatusRequest {
}

/**
 * Asks for the status.
 */
export interface StatusRequest__Output {
}
